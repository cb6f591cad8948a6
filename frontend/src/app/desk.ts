/** What of the desk is shown, and in which order. */

import type { components } from "./api/schema";

export type DeskChat = components["schemas"]["DeskChat"];
export type DeskPage = components["schemas"]["DeskPage"];

export const SHOWN = ["all", "waiting", "mine"] as const;
export type Shown = (typeof SHOWN)[number];

/** What the server is asked for. */
export const FILTERS: Record<Shown, { waiting?: true; mine?: true }> = {
  all: {},
  waiting: { waiting: true },
  mine: { mine: true },
};

function isShown({ contact, waiting_since }: DeskChat, shown: Shown, me: number): boolean {
  switch (shown) {
    case "all":
      return true;
    case "waiting":
      return waiting_since !== null;
    case "mine":
      return contact.taken_by?.id === me;
  }
}

/** The most recently active first. */
export function listOf(chats: Iterable<DeskChat>, shown: Shown, me: number): DeskChat[] {
  return [...chats]
    .filter((chat) => isShown(chat, shown, me))
    .sort((one, other) => other.active_at.localeCompare(one.active_at));
}

/** Of two readings of a chat the one that knows more. */
export function newerOf(known: DeskChat | undefined, read: DeskChat): DeskChat {
  const isOlder = known?.position.epoch === read.position.epoch && known.position.seq > read.position.seq;
  return isOlder ? known : read;
}
