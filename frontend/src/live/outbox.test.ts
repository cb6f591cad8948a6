import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { message } from "../cast/messages";
import type { Message } from "../wire";
import { type Answer, type Draft, Outbox, type OutboxOptions, windowShelf } from "./outbox";

const posted: Message[] = [];
const sent: [string, string][] = [];
let answers: (Answer | Promise<Answer>)[] = [];

function outbox(options: Partial<OutboxOptions> = {}): Outbox {
  return new Outbox({
    send: ({ clientId, text }: Draft) => {
      sent.push([clientId, text]);
      return Promise.resolve(answers.shift() ?? { kind: "posted", message: message(sent.length) });
    },
    posted: (one) => posted.push(one),
    changed: () => undefined,
    shelf: windowShelf(sessionStorage, "drafts"),
    ...options,
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
    void box.add("a", "first");
    void box.add("b", "second");
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
    void box.add("a", "text");
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
    void box.add("a", "too late");
    void box.add("b", "next");
    await settled();
    expect(box.all).toMatchObject([{ clientId: "a", refusal: "This thread is closed." }]);
    expect(posted).toHaveLength(1);
    void box.retry("a");
    await settled();
    expect(box.all).toEqual([]);
  });

  it("drops what it was told to discard", async () => {
    const box = outbox();
    answers = [{ kind: "refused", reason: "No." }];
    void box.add("a", "text");
    await settled();
    void box.discard("a");
    expect(box.all).toEqual([]);
    expect(sessionStorage.getItem("drafts")).toBeNull();
  });

  it("does not send again what the log has shown", async () => {
    const box = outbox();
    answers = [{ kind: "later", afterMs: 5000 }];
    void box.add("a", "text");
    await settled();
    box.confirm("a");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
    expect(box.all).toEqual([]);
  });

  it("survives a reload of the page", async () => {
    answers = [{ kind: "later", afterMs: 5000 }];
    void outbox().add("a", "text");
    await settled();
    const box = outbox();
    await box.restore();
    expect(box.all).toMatchObject([{ clientId: "a", text: "text" }]);
    void box.flush();
    await settled();
    expect(sent.at(-1)).toEqual(["a", "text"]);
    expect(box.all).toEqual([]);
  });

  it("sends nothing that is not kept yet", async () => {
    const shelf = windowShelf(sessionStorage, "drafts");
    let kept: () => void = () => undefined;
    const box = outbox({
      shelf: {
        ...shelf,
        put: async (draft) => {
          await new Promise<void>((resolve) => (kept = resolve));
          await shelf.put(draft);
        },
      },
    });
    void box.add("a", "text");
    void box.flush();
    await settled();
    expect(box.all).toHaveLength(1);
    expect(sent).toEqual([]);
    kept();
    await settled();
    expect(sent).toEqual([["a", "text"]]);
  });

  it("waits for its turn, and does not send what another window has sent meanwhile", async () => {
    let begin: () => void = () => undefined;
    const mine = outbox({
      turn: async (act) => {
        await new Promise<void>((resolve) => (begin = resolve));
        await act();
      },
    });
    void mine.add("a", "text");
    await settled();
    await outbox().flush();
    begin();
    await settled();
    expect(sent).toEqual([["a", "text"]]);
    expect(mine.all).toEqual([]);
  });

  it("sends what is added while it is about to end", async () => {
    const box = outbox({
      turn: async (act) => {
        await act();
        await Promise.resolve();
      },
    });
    void box.add("a", "one");
    for (let step = 0; step < 20; step += 1) {
      await Promise.resolve();
    }
    void box.add("b", "two");
    await settled();
    expect(sent.map(([clientId]) => clientId)).toEqual(["a", "b"]);
  });
});
