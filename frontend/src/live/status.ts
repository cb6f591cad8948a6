/** What the badge says: whether what the page shows is what the chat has. */

export interface Link {
  readonly client: "connecting" | "connected" | "disconnected";
  readonly subscription: "subscribing" | "subscribed" | "unsubscribed";
  /** Whether the page is being read afresh, because not all that was missed could be had event by event. */
  readonly isStartingOver: boolean;
  readonly hasBeenLive: boolean;
}

export interface Badge {
  readonly state: "live" | "connecting" | "off";
  readonly text: string;
}

export function badgeOf(link: Link): Badge {
  if (link.client === "disconnected" || link.subscription === "unsubscribed") {
    return { state: "off", text: "Not live" };
  }
  if (link.client === "connected" && link.subscription === "subscribed") {
    return link.isStartingOver
      ? { state: "connecting", text: "Catching up" }
      : { state: "live", text: "Live" };
  }
  return { state: "connecting", text: link.hasBeenLive ? "Reconnecting" : "Connecting" };
}
