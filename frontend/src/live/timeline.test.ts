import { describe, expect, it } from "vitest";
import { deleted, edited, message, page, posted } from "../cast/messages";
import type { AnyEvent } from "../wire";
import {
  append,
  apply,
  begin,
  extend,
  MOST_HELD,
  MOST_SHOWN,
  replace,
  reveal,
  show,
  type Timeline,
  trimNewest,
  trimOldest,
  waitingIn,
} from "./timeline";

const EARLY = "2026-01-31T12:01:00.000Z";
const LATE = "2026-01-31T12:02:00.000Z";

function numbers(timeline: Timeline): number[] {
  return timeline.messages.map(({ number }) => number);
}

function after(start: Timeline, ...events: AnyEvent[]): Timeline {
  return events.reduce((timeline, event) => apply(timeline, event, true), start);
}

describe("a timeline", () => {
  it("shows what is posted, in the order of numbers, whatever order it comes in", () => {
    expect(numbers(after(begin(page(1, 3)), posted(5), posted(4)))).toEqual([1, 2, 3, 4, 5]);
  });

  it("is not changed by an event that it has had before", () => {
    const events = [posted(4), edited(2, "new words", EARLY), deleted(3)];
    const once = after(begin(page(1, 3)), ...events);
    expect(after(once, ...events)).toEqual(once);
  });

  it("keeps the newer of two versions of a message, also when the older is told of later", () => {
    const timeline = after(begin(page(1, 1)), edited(1, "second", LATE), edited(1, "first", EARLY));
    expect(timeline.messages[0]).toMatchObject({ text: "second", edited_at: LATE });
  });

  it("does not bring back a deleted message by an edit or a replay of its posting", () => {
    const timeline = after(begin(page(1, 1)), deleted(1), edited(1, "still here", LATE), posted(1));
    expect(timeline.messages).toHaveLength(1);
    expect(timeline.messages[0]).toMatchObject({ text: "", deleted_by: 1 });
  });

  it("holds what comes while the reader is elsewhere, and edits and deletes it there too", () => {
    let timeline = begin(page(1, 2));
    timeline = apply(timeline, posted(3), false);
    timeline = apply(timeline, posted(4), false);
    timeline = apply(timeline, deleted(3), false);
    expect(numbers(timeline)).toEqual([1, 2]);
    expect(timeline.held.map(({ number, text }) => [number, text])).toEqual([
      [3, ""],
      [4, "message 4"],
    ]);
    timeline = reveal(timeline);
    expect(numbers(timeline)).toEqual([1, 2, 3, 4]);
    expect(timeline.held).toEqual([]);
  });

  it("shows one's own message at once, and what came before it at its place", () => {
    let timeline = show(begin(page(1, 2)), message(4));
    timeline = apply(timeline, posted(3), false);
    expect(numbers(timeline)).toEqual([1, 2, 3, 4]);
    expect(timeline.held).toEqual([]);
  });

  it("does not put new messages on a page of old ones", () => {
    const old = begin(page(1, 3, { has_newer: true }));
    const timeline = apply(show(old, message(50)), posted(51), true);
    expect(numbers(timeline)).toEqual([1, 2, 3]);
    expect(timeline.held.map(({ number }) => number)).toEqual([50, 51]);
    expect(apply(timeline, edited(2, "new words", EARLY), true).messages[1]?.text).toBe("new words");
  });

  it("leaves older messages to the page that they come with", () => {
    expect(numbers(after(begin(page(10, 12)), posted(3)))).toEqual([10, 11, 12]);
  });

  it("is extended by older messages without doubling any", () => {
    const timeline = extend(begin(page(10, 12)), page(7, 10));
    expect(numbers(timeline)).toEqual([7, 8, 9, 10, 11, 12]);
    expect(timeline.hasOlder).toBe(true);
    expect(extend(timeline, page(1, 6)).hasOlder).toBe(false);
  });

  it("goes on towards the newest page by page, and there takes in what has arrived", () => {
    let timeline = begin(page(1, 3, { has_newer: true }));
    timeline = apply(timeline, posted(9), true);
    timeline = append(timeline, page(4, 6, { has_newer: true }));
    expect(numbers(timeline)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(waitingIn(timeline)).toBe(1);
    timeline = append(timeline, page(7, 8));
    expect(numbers(timeline)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(timeline.reachesNewest).toBe(true);
    expect(waitingIn(timeline)).toBe(0);
  });

  it("holds only so many, counts the others, and reads them when it comes to them", () => {
    let timeline = begin(page(1, 2));
    for (let number = 3; number <= MOST_HELD + 4; number += 1) {
      timeline = apply(timeline, posted(number), false);
    }
    expect(timeline.held.length).toBeLessThanOrEqual(MOST_HELD);
    expect(waitingIn(timeline)).toBe(MOST_HELD + 2);
    expect(timeline.reachesNewest).toBe(false);
    expect(numbers(append(timeline, page(3, MOST_HELD + 4)))).toHaveLength(MOST_HELD + 4);
  });

  it("lets go of what is far from the reader, and knows that there is more", () => {
    const newer = trimOldest(begin(page(1, 10)), 4);
    expect(numbers(newer)).toEqual([7, 8, 9, 10]);
    expect(newer.hasOlder).toBe(true);
    const older = trimNewest(begin(page(1, 10)), 4);
    expect(numbers(older)).toEqual([1, 2, 3, 4]);
    expect(older.reachesNewest).toBe(false);
    expect(trimNewest(older, 4)).toBe(older);
  });

  it("takes the answer to a change in the place of the message", () => {
    const timeline = replace(begin(page(1, 2)), message(2, { text: "new words" }));
    expect(timeline.messages.map(({ text }) => text)).toEqual(["message 1", "new words"]);
  });

  it("does not grow for ever", () => {
    const timeline = after(begin(page(1, MOST_SHOWN)), posted(MOST_SHOWN + 1));
    expect(timeline.messages).toHaveLength(MOST_SHOWN);
    expect(timeline.messages[0]?.number).toBe(2);
    expect(timeline.hasOlder).toBe(true);
  });

  it("is not concerned by what happens to the chat and its members", () => {
    const timeline = begin(page(1, 2));
    const closed: AnyEvent = {
      type: "chat.closed",
      chat: "x",
      seq: 9,
      at: EARLY,
      ends: [],
      by: 1,
      closed_at: EARLY,
    };
    expect(apply(timeline, closed, true)).toBe(timeline);
  });
});
