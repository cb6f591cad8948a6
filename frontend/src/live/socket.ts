/** The connection of a page: where to, and what everybody who uses it wants to know. */

import { Centrifuge } from "centrifuge";

export function connection(): Centrifuge {
  const address = new URL("/connection/websocket", window.location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return new Centrifuge(address.href, { name: "pages", maxReconnectDelay: 10_000 });
}

interface Me {
  active_thread: string | null;
}

/** Tells when the person's list of chats changes; and, since one thread is all they can be in, that they are in one. */
export function followOwn(centrifuge: Centrifuge, userId: number, changed: () => void): void {
  const own = centrifuge.newSubscription(`user.${userId}`);
  own.on("publication", () => {
    changed();
    void centrifuge.rpc("me", {}).then(
      ({ data }) => {
        announceThread((data as Me).active_thread);
      },
      () => undefined, // Losable: the next page tells.
    );
  });
  own.subscribe();
}

function announceThread(uri: string | null): void {
  const notices = document.querySelector("[data-notices]");
  notices?.querySelector("[data-thread]")?.remove();
  const path = `/threads/${uri}/`;
  if (uri === null || window.location.pathname === path) {
    return;
  }
  const link = document.createElement("a");
  link.href = path;
  link.textContent = "Go to it";
  const notice = document.createElement("p");
  notice.className = "notice info";
  notice.dataset["thread"] = "";
  notice.append("You are in a thread now. ", link);
  notices?.append(notice);
}
