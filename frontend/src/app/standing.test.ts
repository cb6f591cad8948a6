import { describe, expect, it } from "vitest";
import { type Facts, standing } from "./standing";

const live: Facts = {
  state: "connected",
  hasBeenLive: true,
  isListStale: false,
  isChatOpen: true,
  isChatFollowed: true,
  isChatKept: false,
  behind: 0,
  waiting: 0,
};

describe("the badge", () => {
  it("says live only when everything that is shown is what there is", () => {
    expect(standing(live).kind).toBe("live");
    for (const lack of [
      { isListStale: true },
      { isChatFollowed: false },
      { isChatKept: true },
      { behind: 3 },
    ] as const) {
      expect(standing({ ...live, ...lack }).kind).toBe("catchingUp");
    }
    expect(standing({ ...live, isChatOpen: false, isChatFollowed: false }).kind).toBe("live");
  });

  it("counts what is missing and what waits", () => {
    expect(standing({ ...live, behind: 37 })).toMatchObject({ count: 37 });
    expect(standing({ ...live, state: "connecting", waiting: 2 })).toMatchObject({
      kind: "offline",
      waiting: 2,
    });
  });

  it("tells a first connection from one that was lost, and from none that is tried", () => {
    expect(standing({ ...live, state: "connecting", hasBeenLive: false }).kind).toBe("connecting");
    expect(standing({ ...live, state: "disconnected" }).kind).toBe("off");
  });
});
