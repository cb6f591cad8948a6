import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { alice, bob, message, page } from "../../cast/messages";
import { refuse, said, Server, thread } from "../../cast/server";
import type { AnyEvent } from "../../wire";
import { applyEvent } from "../events";
import { useAlerts } from "./alerts";
import { useChats } from "./chats";
import { useConnection } from "./connection";
import { useMembers } from "./members";
import { useOpenChat } from "./open-chat";
import { useOutbox } from "./outbox";
import { usePresence } from "./presence";
import { useSession } from "./session";

let server: Server;

/** Lets everything that was begun come to where it waits for a time of its own. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(() => {
  vi.useFakeTimers();
  setActivePinia(createPinia());
  localStorage.clear();
  // What this environment says it has, and has not.
  const locks = { request: (_: string, act: () => unknown) => act() };
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
  Object.defineProperty(navigator, "userActivation", { value: { hasBeenActive: false }, configurable: true });
  const session = { token: "t", deviceId: "d", user: { id: alice.id, username: alice.username } };
  localStorage.setItem("parley.session", JSON.stringify(session));
  useSession().load();
  server = new Server().start();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function event(fields: object): AnyEvent {
  return { chat: "x", at: "2026-01-31T12:00:00.000Z", ends: [], ...fields } as unknown as AnyEvent;
}

describe("the chats", () => {
  beforeEach(async () => {
    const feed = thread("feed", { kind: "feed", active_at: "2026-01-01T00:00:00.000Z" });
    server.on("GET /api/chats/", (query) =>
      query.get("before") === ""
        ? { chats: [feed, thread("x")], next: "later" }
        : { chats: [thread("y", { active_at: "2026-02-01T00:00:00.000Z" })], next: null },
    );
    await useChats().load();
  });

  it("are read to the last page; the feed first, then what was active last", () => {
    expect(useChats().list.map(({ uri }) => uri)).toEqual(["feed", "y", "x"]);
    expect(useChats().isStale).toBe(false);
  });

  it("move up and count when somebody writes, once however often it is told", () => {
    const news = said("x", 4);
    news.at = "2026-03-01T00:00:00.000Z";
    applyEvent(news);
    applyEvent(news);
    expect(useChats().byUri.get("x")).toMatchObject({ unread: 1, message_count: 4 });
    expect(useChats().unread).toBe(1);
    useChats().markRead("x", 4);
    expect(useChats().unread).toBe(0);
  });

  it("are read again when a stream stands further than they do", async () => {
    const asked = server.asked.length;
    useChats().stand("x", { epoch: "e", seq: 3 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.asked.length).toBe(asked);
    useChats().stand("x", { epoch: "e", seq: 9 });
    expect(useChats().isStale).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(server.asked.length).toBeGreaterThan(asked);
    expect(useChats().isStale).toBe(false);
  });

  it("keep what they know if an older reading comes late", () => {
    applyEvent(said("x", 4));
    useChats().put(thread("x"));
    expect(useChats().byUri.get("x")?.message_count).toBe(4);
  });

  it("lose what one is not in any more, and try again while the server is away", async () => {
    server.on("GET /api/chats/", () => refuse(503, "unavailable"));
    useChats().again(0);
    await settle();
    expect(useChats().list).toHaveLength(3);
    server.on("GET /api/chats/", () => ({ chats: [thread("x")], next: null }));
    await vi.advanceTimersByTimeAsync(5000);
    expect(useChats().list.map(({ uri }) => uri)).toEqual(["x"]);
  });
});

describe("the open chat", () => {
  beforeEach(() => {
    useChats().put(thread("x"));
    server.on("GET /api/chats/x/messages/", () => page(1, 3));
  });

  function numbers(): number[] {
    return useOpenChat().timeline?.messages.map(({ number }) => number) ?? [];
  }

  it("shows its newest page, and what came while that was read", async () => {
    const opening = useOpenChat().load("x");
    applyEvent(said("x", 4));
    await opening;
    expect(numbers()).toEqual([1, 2, 3, 4]);
    applyEvent(said("x", 4));
    expect(numbers()).toEqual([1, 2, 3, 4]);
  });

  it("is read afresh when events are missing, and says how many", async () => {
    await useOpenChat().load("x");
    server.on("GET /api/chats/x/messages/", () => page(1, 9));
    useOpenChat().stand("x", { epoch: "e", seq: 9 }, {});
    expect(useOpenChat().behind).toBe(6);
    await settle();
    expect(numbers()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(useOpenChat().behind).toBe(0);
  });

  it("holds back what comes while its reader looks at something older", async () => {
    await useOpenChat().load("x");
    useOpenChat().look(false, null);
    applyEvent(said("x", 4));
    expect(numbers()).toEqual([1, 2, 3]);
    expect(useOpenChat().waiting).toBe(1);
    await useOpenChat().goToNewest();
    expect(numbers()).toEqual([1, 2, 3, 4]);
  });

  it("never has more than so many messages", async () => {
    await useOpenChat().load("x");
    for (let number = 4; number <= 1000; number += 1) {
      applyEvent(said("x", number));
    }
    expect(numbers()).toHaveLength(150);
    expect(numbers().at(-1)).toBe(1000);
  });

  it("is read as far as its reader sees, also where something comes all the time", async () => {
    const marked: unknown[] = [];
    vi.spyOn(useConnection(), "call").mockImplementation((_, data) => Promise.resolve(marked.push(data)));
    useConnection().become("connected", 0);
    await useOpenChat().load("x");
    for (let number = 4; number <= 20; number += 1) {
      applyEvent(said("x", number));
      useOpenChat().look(true, number);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(marked.length).toBeGreaterThan(3);
    expect(useChats().byUri.get("x")?.unread).toBeLessThan(5);
  });

  it("tells what is not there from what cannot be reached", async () => {
    await useOpenChat().load("nope");
    expect(useOpenChat().status).toBe("missing");
    server.on("GET /api/chats/x/messages/", () => refuse(503, "unavailable"));
    const opening = useOpenChat().load("x");
    await settle();
    expect(useOpenChat().status).toBe("failed");
    server.on("GET /api/chats/x/messages/", () => page(1, 3));
    await vi.advanceTimersByTimeAsync(5000);
    await opening;
    expect(useOpenChat().status).toBe("ready");
  });

  it("shows an edit and a deletion in their place", async () => {
    await useOpenChat().load("x");
    const at = "2026-01-31T13:00:00.000Z";
    applyEvent(
      event({ type: "message.edited", seq: 4, number: 2, text: "better", extras: null, edited_at: at }),
    );
    applyEvent(event({ type: "message.deleted", seq: 5, number: 3, deleted_at: at, deleted_by: alice.id }));
    expect(useOpenChat().timeline?.messages.map(({ text }) => text)).toEqual(["message 1", "better", ""]);
  });
});

describe("the members", () => {
  it("come and go as they are told, after the position at which they were read", async () => {
    server.on("GET /api/chats/x/members/", () => ({
      members: [{ user: alice, role: "owner", read_number: 3 }],
      next: null,
      position: { epoch: "e", seq: 3 },
    }));
    const members = useMembers();
    await members.load("x");
    const names = (): string[] => members.list.map(({ user }) => user.username);
    applyEvent(event({ type: "member.joined", seq: 3, user: bob, role: "member", by: alice.id }));
    expect(names()).toEqual(["alice"]);
    applyEvent(event({ type: "member.joined", seq: 4, user: bob, role: "member", by: alice.id }));
    applyEvent(event({ type: "member.joined", seq: 4, user: bob, role: "member", by: alice.id }));
    expect(names()).toEqual(["alice", "bob"]);
    applyEvent(event({ type: "member.removed", seq: 5, user: bob, by: alice.id }));
    expect(names()).toEqual(["alice"]);
  });
});

describe("the outbox", () => {
  it("shows what was written until it is posted, and what was refused until somebody decides", async () => {
    const outbox = useOutbox();
    const posted: number[] = [];
    await outbox.load((_, { number }) => posted.push(number));
    server.on("POST /api/chats/x/messages/", () => refuse(503, "unavailable"));
    await outbox.post("x", "hello");
    await settle();
    expect(outbox.waiting).toBe(1);
    server.on("POST /api/chats/x/messages/", (_, body) =>
      message(4, { client_id: (body as { client_id: string }).client_id }),
    );
    await vi.advanceTimersByTimeAsync(5000);
    expect([outbox.count, posted]).toEqual([0, [4]]);
    server.on("POST /api/chats/x/messages/", () => refuse(409, "thread_closed"));
    await outbox.post("x", "too late");
    await settle();
    expect([outbox.waiting, outbox.count]).toEqual([0, 1]);
    await outbox.discard("x", outbox.drafts.get("x")?.[0]?.clientId ?? "");
    expect(outbox.count).toBe(0);
  });
});

describe("who is here", () => {
  it("counts a person once, whatever the number of their windows", async () => {
    const presence = usePresence();
    const windows = ["one", "two"].map((client) => ({ client, userId: bob.id }));
    await presence.ask("x", Promise.resolve(windows));
    presence.change("x", "one", bob.id, false);
    expect(presence.isHere("x", bob.id)).toBe(true);
    presence.change("x", "two", bob.id, false);
    expect(presence.isHere("x", bob.id)).toBe(false);
  });

  it("believes what it hears while an answer is on its way more than the answer", async () => {
    const presence = usePresence();
    const asked = presence.ask("x", Promise.resolve([{ client: "hers", userId: alice.id }]));
    presence.change("x", "his", bob.id, true);
    presence.change("x", "hers", alice.id, false);
    presence.change("y", "hers", alice.id, true);
    await asked;
    expect([alice, bob].map(({ id }) => presence.isHere("x", id))).toEqual([false, true]);
    expect(presence.isHere("y", alice.id)).toBe(true);
  });

  it("says nothing of a chat where nobody knows", async () => {
    const presence = usePresence();
    presence.change("x", "his", bob.id, true);
    await presence.ask("x", Promise.reject(new Error("Redis is down")));
    expect(presence.here.has("x")).toBe(false);
  });
});

describe("the alerts", () => {
  it("count what comes while one looks elsewhere, and tell of it now and then, never what it says", async () => {
    useChats().put(thread("x"));
    const focus = vi.spyOn(document, "hasFocus").mockReturnValue(false);
    const alerts = useAlerts();
    applyEvent(said("x", 4));
    applyEvent(said("x", 4));
    applyEvent(said("x", 5));
    expect(alerts.unseen).toBe(2);
    focus.mockReturnValue(true);
    applyEvent(said("x", 6));
    expect(alerts.unseen).toBe(2);
    alerts.seen();
    expect(alerts.unseen).toBe(0);
    await useOpenChat()
      .load("x")
      .catch(() => undefined);
    focus.mockRestore();
  });
});

describe("the session", () => {
  it("begins with a token of this device's own and leaves nothing behind", async () => {
    const session = useSession();
    await session.end("signed-out");
    expect(session.user).toBeNull();
    expect(localStorage.getItem("parley.session")).toBeNull();
    server.on("POST /auth/token/login/", () => ({ auth_token: "new", id: "device", user: bob }));
    await session.signIn("bob", "secret");
    expect(session.user).toEqual({ id: bob.id, username: "bob" });
    expect(localStorage.getItem("parley.session")).toContain("new");
  });

  it("ends when the server does not know the token any more", async () => {
    server.on("GET /api/me/", () => refuse(401, "unauthorized"));
    await useSession()
      .readMe()
      .catch(() => undefined);
    await settle();
    expect(useSession().ending).toBe("revoked");
    expect(useSession().session).toBeNull();
  });
});
