/** What the badge says: the truth about the connection, the open chat and what waits to be sent. */

import type { LinkState } from "../live/switchboard";

export interface Facts {
  readonly state: LinkState;
  readonly hasBeenLive: boolean;
  readonly isListStale: boolean;
  readonly isChatOpen: boolean;
  readonly isChatFollowed: boolean;
  /** What is shown is what this browser has kept. */
  readonly isChatKept: boolean;
  /** How many events are known to be missing. */
  readonly behind: number;
  /** How many messages are written and not posted. */
  readonly waiting: number;
}

export interface Standing {
  readonly kind: "live" | "catchingUp" | "connecting" | "offline" | "off";
  readonly count: number;
  readonly waiting: number;
}

export function standing(facts: Facts): Standing {
  const { waiting } = facts;
  if (facts.state === "disconnected") {
    return { kind: "off", count: 0, waiting };
  }
  if (facts.state === "connecting") {
    return { kind: facts.hasBeenLive ? "offline" : "connecting", count: 0, waiting };
  }
  const isChatBehind = facts.isChatOpen && (!facts.isChatFollowed || facts.isChatKept || facts.behind > 0);
  if (facts.isListStale || isChatBehind) {
    return { kind: "catchingUp", count: facts.behind, waiting };
  }
  return { kind: "live", count: 0, waiting };
}
