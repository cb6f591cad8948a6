/** The one switch from what the server says to the stores that it concerns. */

import type { AnyDoorbell, AnyEvent, MessagePosted } from "../wire";
import { useAlerts } from "./stores/alerts";
import { useChats } from "./stores/chats";
import { useDesk } from "./stores/desk";
import { useMembers } from "./stores/members";
import { useOpenChat } from "./stores/open-chat";
import { useOutbox } from "./stores/outbox";
import { useSession } from "./stores/session";
import { useTyping } from "./stores/typing";

export function applyEvent(what: AnyEvent | AnyDoorbell): void {
  switch (what.type) {
    case "message.posted":
      arrived(what);
      useOpenChat().apply(what);
      useChats().apply(what);
      return;
    case "message.edited":
    case "message.deleted":
    case "delivery.changed":
      useOpenChat().apply(what);
      useChats().apply(what);
      return;
    case "contact.changed":
      useOpenChat().apply(what);
      useDesk().apply(what);
      return;
    case "member.joined":
    case "member.left":
    case "member.removed":
    case "member.promoted":
    case "chat.changed":
    case "chat.closed":
      useOpenChat().apply(what);
      useMembers().apply(what);
      useChats().apply(what);
      return;
    case "typing":
      useTyping().apply(what);
      return;
    case "read": {
      const me = useSession().user?.id ?? 0;
      useOpenChat().mark(what.chat, what.marks);
      useChats().markRead(what.chat, what.marks[me] ?? 0);
      return;
    }
    case "chats.changed":
      useChats().again();
      return;
    case "desk.changed":
      useDesk().ring(what.chat);
      return;
  }
}

/** Before the others: an event that was known already rings nothing. */
function arrived({ chat, seq, message }: MessagePosted): void {
  useTyping().stop(chat, message.author.id);
  if (message.author.id === useSession().user?.id) {
    useOutbox().confirm(chat, message.client_id ?? "");
    return;
  }
  const isNews = seq > (useChats().byUri.get(chat)?.position.seq ?? 0);
  if (isNews) {
    useAlerts().arrived(message.author.username, useOpenChat().uri === chat);
  }
}
