import { expect, it } from "vitest";
import { badgeOf, type Link } from "./status";

const live: Link = {
  client: "connected",
  subscription: "subscribed",
  isStartingOver: false,
  hasBeenLive: true,
};

it("says live only when the page shows what the chat has", () => {
  expect(badgeOf(live)).toEqual({ state: "live", text: "Live" });
  expect(badgeOf({ ...live, isStartingOver: true }).text).toBe("Catching up");
  expect(badgeOf({ ...live, subscription: "subscribing" }).state).toBe("connecting");
});

it("tells the first connection from the others", () => {
  expect(badgeOf({ ...live, client: "connecting", hasBeenLive: false }).text).toBe("Connecting");
  expect(badgeOf({ ...live, client: "connecting" }).text).toBe("Reconnecting");
});

it("says so when it will not come back", () => {
  expect(badgeOf({ ...live, client: "disconnected" }).state).toBe("off");
  expect(badgeOf({ ...live, subscription: "unsubscribed" }).state).toBe("off");
});
