import { describe, expect, it } from "vitest";
import { alice, bob, message } from "../cast/messages";
import { marksOf, raise, seenBy, seenText } from "./seen";

describe("who has read how far", () => {
  it("only rises", () => {
    const marks = raise(marksOf({ "1": 5, "2": 3 }), marksOf({ "1": 4, "2": 7, "3": 1 }));
    expect([...marks]).toEqual([
      [1, 5],
      [2, 7],
      [3, 1],
    ]);
  });

  it("counts the others who have read one's last message", () => {
    const messages = [message(1, { author: bob }), message(2, { author: alice })];
    expect(seenBy(marksOf({ "1": 2, "2": 2, "3": 1 }), alice.id, messages)).toBe(1);
    expect(seenBy(marksOf({ "1": 2, "2": 1 }), alice.id, messages)).toBe(0);
  });

  it("says nothing below somebody else's message", () => {
    expect(seenBy(marksOf({ "1": 1, "2": 1 }), alice.id, [message(1, { author: bob })])).toBe(0);
    expect(seenBy(marksOf({}), alice.id, [])).toBe(0);
  });

  it("counts in rooms only", () => {
    expect([seenText(1, true), seenText(3, false)]).toEqual(["Seen", "Seen by 3"]);
  });
});
