/** What an event makes of a chat's line in the list. Applying an event twice changes nothing. */

import type { AnyEvent, Message } from "../wire";
import type { ChatSummary } from "./api/client";

export function changeSummary(chat: ChatSummary, event: AnyEvent, me: number): ChatSummary {
  if (event.seq <= chat.position.seq) {
    return chat;
  }
  return { ...chat, ...changes(chat, event, me), position: { ...chat.position, seq: event.seq } };
}

function changes(chat: ChatSummary, event: AnyEvent, me: number): Partial<ChatSummary> {
  switch (event.type) {
    case "message.posted": {
      const { message } = event;
      // Whoever posts has read what came before.
      const readNumber = message.author.id === me ? message.number : chat.read_number;
      return {
        last_message: message,
        message_count: message.number,
        read_number: readNumber,
        unread: Math.max(0, message.number - readNumber),
        active_at: message.created_at,
      };
    }
    case "message.edited":
      return last(chat, event.number, { text: event.text, edited_at: event.edited_at });
    case "message.deleted":
      return last(chat, event.number, {
        text: "",
        deleted_at: event.deleted_at,
        deleted_by: event.deleted_by,
      });
    case "member.joined":
      return { member_count: chat.member_count + 1, ...(event.user.id === me ? { role: event.role } : {}) };
    case "member.left":
    case "member.removed":
      return { member_count: Math.max(0, chat.member_count - 1) };
    case "member.promoted":
      return event.user.id === me ? { role: "owner" } : {};
    case "chat.changed":
      return { name: event.name, link_open: event.link_open };
    case "delivery.changed":
    case "contact.changed":
      return {};
    case "chat.closed":
      return { state: "closed", closed_at: event.closed_at, closed_by: event.by };
  }
}

function last(chat: ChatSummary, number: number, fields: Partial<Message>): Partial<ChatSummary> {
  return chat.last_message?.number === number ? { last_message: { ...chat.last_message, ...fields } } : {};
}

/** The other one of a thread's two. */
export function partnerIn(chat: ChatSummary, me: number): ChatSummary["members"][number] | null {
  return chat.kind === "thread" ? (chat.members.find(({ id }) => id !== me) ?? null) : null;
}
