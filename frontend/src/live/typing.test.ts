import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Typing, typingText } from "./typing";

let line = "";
let typing: Typing;

beforeEach(() => {
  vi.useFakeTimers();
  line = "";
  typing = new Typing((names) => (line = typingText(names)));
});
afterEach(() => {
  vi.useRealTimers();
});

describe("who is writing", () => {
  it("is one line", () => {
    typing.start(1, "bob");
    expect(line).toBe("bob is writing…");
    typing.start(2, "olive");
    expect(line).toBe("bob and olive are writing…");
    typing.start(3, "zoë");
    expect(line).toBe("Several people are writing…");
  });

  it("is forgotten after a while without a sign of it", () => {
    typing.start(1, "bob");
    vi.advanceTimersByTime(4000);
    typing.start(1, "bob");
    vi.advanceTimersByTime(4000);
    expect(line).toBe("bob is writing…");
    vi.advanceTimersByTime(1000);
    expect(line).toBe("");
  });

  it("ends with the message", () => {
    typing.start(1, "bob");
    typing.start(2, "olive");
    typing.stop(1);
    expect(line).toBe("olive is writing…");
    typing.stop(9);
    expect(line).toBe("olive is writing…");
  });
});
