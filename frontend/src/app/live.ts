/** Keeps the stores live for as long as somebody is signed in: one connection, a stream for each of their chats. */

import { watch } from "vue";
import type { Follower } from "../live/link";
import { Link } from "../live/link";
import { canShare, ownLine, sharedLine } from "../live/lines";
import type { AnyDoorbell, AnyEvent } from "../wire";
import { socketAddress } from "./api/client";
import { applyEvent } from "./events";
import { followDesk } from "./live-desk";
import { useAlerts } from "./stores/alerts";
import { useChats } from "./stores/chats";
import { useConnection } from "./stores/connection";
import { useOpenChat } from "./stores/open-chat";
import { useOutbox } from "./stores/outbox";
import { usePresence } from "./stores/presence";
import { useSession } from "./stores/session";
import { useWriting } from "./stores/writing";

/** The token is unknown, expired or revoked. */
const SIGNED_OUT = new Set([101, 109, 3500]);
/** A hidden window has no animation frames. */
const HIDDEN_FRAME_MS = 100;
const FRAME_MS = 40;

/** Begins; returns how to end. */
export function goLive(): () => void {
  const [session, chats, connection, outbox] = [useSession(), useChats(), useConnection(), useOutbox()];
  const [openChat, presence, writing, alerts] = [useOpenChat(), usePresence(), useWriting(), useAlerts()];
  const reader = session.session;
  if (reader === null) {
    return () => undefined;
  }

  const followed = new Map<string, () => void>();
  let queue: (AnyEvent | AnyDoorbell)[] = [];
  let frame: ReturnType<typeof setTimeout> | undefined;

  /** What comes at about the same time is shown in one go: whoever types meanwhile comes first. */
  function take(what: AnyEvent | AnyDoorbell): void {
    queue.push(what);
    frame ??= setTimeout(takeAll, document.hidden ? HIDDEN_FRAME_MS : FRAME_MS);
  }

  function takeAll(): void {
    clearTimeout(frame);
    frame = undefined;
    const arrived = queue;
    queue = [];
    arrived.forEach(applyEvent);
  }

  const open = canShare() ? sharedLine : ownLine;
  const link = new Link(open(socketAddress(), reader.token, reader.deviceId), (state, code) => {
    connection.become(state, code);
    if (state === "connected") {
      outbox.flush();
      if (chats.isStale) {
        chats.again(0);
      }
    }
    if (SIGNED_OUT.has(code)) {
      void session.end("revoked");
    }
  });
  connection.open(link);

  const own: Follower = {
    // A doorbell may have been lost meanwhile.
    following: () => {
      chats.again(0);
    },
    interrupted: () => undefined,
    cut: () => undefined,
    told: take,
  };
  link.follow(`user.${String(reader.user.id)}`, own);
  const stopDesk = followDesk(link, take, takeAll);

  function follow(uri: string): void {
    const stream = `chat.${uri}`;
    const isWatched = chats.byUri.get(uri)?.kind !== "feed";
    const follower: Follower = {
      following: (position, marks) => {
        takeAll();
        openChat.stand(uri, position, marks);
        chats.stand(uri, position);
        const chat = chats.byUri.get(uri);
        const isShown = openChat.uri === uri || (chat?.kind === "thread" && chat.state === "active");
        if (isWatched && isShown) {
          void presence.ask(uri, link.present(stream));
        }
      },
      interrupted: () => {
        openChat.interrupted(uri);
        presence.forget(uri);
      },
      cut: () => {
        followed.delete(uri);
        takeAll();
        chats.forget(uri);
        presence.forget(uri);
        chats.again();
        if (openChat.uri === uri) {
          openChat.leave();
          void openChat.load(uri);
        }
      },
      told: take,
      presence: (client, userId, isHere) => {
        presence.change(uri, client, userId, isHere);
      },
    };
    followed.set(uri, link.follow(stream, follower, { watch: isWatched }));
  }

  const stopFollowing = watch(
    () => [...chats.byUri.keys()].join(" "),
    () => {
      for (const uri of chats.byUri.keys()) {
        if (!followed.has(uri)) {
          follow(uri);
        }
      }
      for (const [uri, stop] of followed) {
        if (!chats.byUri.has(uri)) {
          stop();
          followed.delete(uri);
        }
      }
    },
    { immediate: true, flush: "sync" },
  );
  /** The chat that is opened may be followed already: its position and presence are asked for once more. */
  const stopOpening = watch(
    () => (openChat.status === "ready" ? openChat.uri : ""),
    (uri) => {
      const stop = followed.get(uri);
      if (stop !== undefined) {
        follow(uri);
        stop();
      }
    },
  );

  function seen(): void {
    alerts.seen();
  }
  window.addEventListener("focus", seen);
  void chats.load();
  void writing.load();
  void outbox.load((uri, message) => {
    openChat.show(uri, message);
  });

  return () => {
    stopFollowing();
    stopOpening();
    stopDesk();
    clearTimeout(frame);
    window.removeEventListener("focus", seen);
    connection.open(null);
    openChat.leave();
    for (const store of [chats, outbox, presence, writing]) {
      store.clear();
    }
  };
}
