/** Keeps the desk live for operators: its doorbell, and the contact's chat that is open. */

import { watch } from "vue";
import type { Follower, Link } from "../live/link";
import { useDesk } from "./stores/desk";
import { useOpenChat } from "./stores/open-chat";
import { useSession } from "./stores/session";

/** `told` takes what comes, `takeAll` applies it at once. Returns how to end. */
export function followDesk(link: Link, told: Follower["told"], takeAll: () => void): () => void {
  const [session, desk, openChat] = [useSession(), useDesk(), useOpenChat()];

  const bell: Follower = {
    following: desk.again,
    interrupted: () => undefined,
    // The rights are gone, it seems.
    cut: () => {
      desk.clear();
      void session.readMe().catch(() => undefined);
    },
    told,
  };

  function follow(uri: string): () => void {
    return link.follow(`chat.${uri}`, {
      following: (position, marks) => {
        takeAll();
        openChat.stand(uri, position, marks);
      },
      interrupted: () => {
        openChat.interrupted(uri);
      },
      cut: () => {
        takeAll();
        if (openChat.uri === uri) {
          openChat.leave();
          void openChat.load(uri, null, "desk");
        }
      },
      told,
    });
  }

  const stops = [
    watch(
      () => session.me?.operator === true,
      (isOperator, _, onCleanup) => {
        if (isOperator) {
          onCleanup(link.follow("desk", bell));
        } else {
          desk.clear();
        }
      },
      { immediate: true },
    ),
    watch(
      () => (openChat.place === "desk" ? openChat.uri : ""),
      (uri, _, onCleanup) => {
        if (uri !== "") {
          onCleanup(follow(uri));
        }
      },
      { immediate: true },
    ),
  ];
  return () => {
    stops.forEach((stop) => {
      stop();
    });
    desk.clear();
  };
}
