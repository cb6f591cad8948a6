import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { message } from "../cast/messages";
import type { Message } from "../wire";
import { type Answer, type Draft, Outbox } from "./outbox";

const posted: Message[] = [];
const sent: [string, string][] = [];
let answers: (Answer | Promise<Answer>)[] = [];

function outbox(): Outbox {
  return new Outbox({
    send: ({ clientId, text }: Draft) => {
      sent.push([clientId, text]);
      return Promise.resolve(answers.shift() ?? { kind: "posted", message: message(sent.length) });
    },
    posted: (one) => posted.push(one),
    changed: () => undefined,
    storage: sessionStorage,
    key: "drafts",
  });
}

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  posted.length = sent.length = 0;
  answers = [];
});
afterEach(() => {
  vi.useRealTimers();
});

describe("an outbox", () => {
  it("sends one after the other, so that the order stays", async () => {
    const box = outbox();
    let answer: (answer: Answer) => void = () => undefined;
    answers = [new Promise((resolve) => (answer = resolve))];
    box.add("a", "first");
    box.add("b", "second");
    await settled();
    expect(sent).toEqual([["a", "first"]]);
    answer({ kind: "posted", message: message(1) });
    await settled();
    expect(sent.map(([clientId]) => clientId)).toEqual(["a", "b"]);
    expect(box.all).toEqual([]);
    expect(posted).toHaveLength(2);
  });

  it("asks again with the same key, later or when the connection is back", async () => {
    const box = outbox();
    answers = [
      { kind: "later", afterMs: 5000 },
      { kind: "later", afterMs: 5000 },
    ];
    box.add("a", "text");
    await settled();
    expect(box.all).toMatchObject([{ clientId: "a", isWaiting: true }]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(sent).toHaveLength(2);
    void box.flush();
    await settled();
    expect(sent).toEqual([
      ["a", "text"],
      ["a", "text"],
      ["a", "text"],
    ]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(3);
    expect(box.all).toEqual([]);
  });

  it("keeps what was refused until its writer decides, and goes on with the rest", async () => {
    const box = outbox();
    answers = [{ kind: "refused", reason: "This thread is closed." }];
    box.add("a", "too late");
    box.add("b", "next");
    await settled();
    expect(box.all).toMatchObject([{ clientId: "a", refusal: "This thread is closed." }]);
    expect(posted).toHaveLength(1);
    box.retry("a");
    await settled();
    expect(box.all).toEqual([]);
  });

  it("drops what it was told to discard", async () => {
    const box = outbox();
    answers = [{ kind: "refused", reason: "No." }];
    box.add("a", "text");
    await settled();
    box.discard("a");
    expect(box.all).toEqual([]);
    expect(sessionStorage.getItem("drafts")).toBeNull();
  });

  it("does not send again what the log has shown", async () => {
    const box = outbox();
    answers = [{ kind: "later", afterMs: 5000 }];
    box.add("a", "text");
    await settled();
    box.confirm("a");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
    expect(box.all).toEqual([]);
  });

  it("survives a reload of the page", async () => {
    answers = [{ kind: "later", afterMs: 5000 }];
    outbox().add("a", "text");
    await settled();
    const box = outbox();
    expect(box.all).toMatchObject([{ clientId: "a", text: "text" }]);
    void box.flush();
    await settled();
    expect(sent.at(-1)).toEqual(["a", "text"]);
    expect(box.all).toEqual([]);
  });
});
