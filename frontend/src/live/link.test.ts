import { beforeEach, describe, expect, it, vi } from "vitest";
import { posted } from "../cast/messages";
import { type CallFailed, type Follower, Link } from "./link";
import type { Down, Up } from "./switchboard";

const said: Up[] = [];
let hear: (down: Down) => void = () => undefined;
let link: Link;
const states: string[] = [];

function follower(): Follower {
  return { following: vi.fn(), interrupted: vi.fn(), cut: vi.fn(), told: vi.fn(), presence: vi.fn() };
}

beforeEach(() => {
  said.length = states.length = 0;
  link = new Link(
    (listener) => {
      hear = listener;
      return { say: (up) => said.push(up), hangUp: () => undefined };
    },
    (state, code) => states.push(`${state} ${code}`),
  );
});

describe("a link", () => {
  it("tells each follower of its own stream", () => {
    const [feed, other] = [follower(), follower()];
    link.follow("chat.feed", feed);
    link.follow("chat.x", other, { watch: true });
    hear({ kind: "following", stream: "chat.feed", position: { epoch: "e", seq: 3 }, marks: {} });
    hear({ kind: "publication", stream: "chat.feed", data: posted(4) });
    expect(feed.following).toHaveBeenCalledWith({ epoch: "e", seq: 3 }, {});
    expect(feed.told).toHaveBeenCalledWith(posted(4));
    expect(other.told).not.toHaveBeenCalled();
    expect(said).toEqual([
      { kind: "follow", stream: "chat.feed", watch: false },
      { kind: "follow", stream: "chat.x", watch: true },
    ]);
  });

  it("leaves a stream with its last follower", () => {
    const stops = [link.follow("chat.feed", follower()), link.follow("chat.feed", follower())];
    stops[0]?.();
    expect(said.filter(({ kind }) => kind === "leave")).toEqual([]);
    stops[1]?.();
    stops[1]?.();
    expect(said.filter(({ kind }) => kind === "leave")).toEqual([{ kind: "leave", stream: "chat.feed" }]);
  });

  it("forgets a stream that it was cut off from", () => {
    const feed = follower();
    const stop = link.follow("chat.feed", feed);
    hear({ kind: "cut", stream: "chat.feed", code: 2000 });
    hear({ kind: "publication", stream: "chat.feed", data: posted(4) });
    expect(feed.cut).toHaveBeenCalledWith(2000);
    expect(feed.told).not.toHaveBeenCalled();
    stop();
    expect(said.some(({ kind }) => kind === "leave")).toBe(false);
  });

  it("gives every call its own answer", async () => {
    const [first, second] = [link.call("me", {}), link.present("chat.x")];
    hear({ kind: "answer", id: 2, data: [{ client: "c", userId: 7 }] });
    hear({ kind: "refusal", id: 1, code: 103, message: "denied" });
    expect(await second).toEqual([{ client: "c", userId: 7 }]);
    const failure: unknown = await first.catch((error: unknown) => error);
    expect((failure as CallFailed).code).toBe(103);
  });

  it("knows whether it is connected", () => {
    hear({ kind: "state", state: "connected", code: 0, reason: "" });
    hear({ kind: "state", state: "disconnected", code: 3500, reason: "revoked" });
    expect(states).toEqual(["connected 0", "disconnected 3500"]);
    expect(link.state).toBe("disconnected");
  });
});
