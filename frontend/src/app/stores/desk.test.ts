import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { chatOf } from "../../cast/desk";
import type { DeskChat } from "../desk";
import { useDesk } from "./desk";

const SETTLED_MS = 600;
let asked: URLSearchParams[] = [];
let answer: (query: URLSearchParams) => Response;

function page(chats: DeskChat[], { next = null as string | null, waiting = 0 } = {}): Response {
  return Response.json({ chats, next, waiting });
}

function at(minute: number): string {
  return `2026-03-01T10:${String(minute).padStart(2, "0")}:00.000Z`;
}

beforeEach(() => {
  setActivePinia(createPinia());
  vi.useFakeTimers();
  asked = [];
  vi.stubGlobal("fetch", (request: Request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/api/me/") {
      return Promise.resolve(Response.json({ operator: false }));
    }
    expect(pathname).toBe("/api/desk/chats/");
    asked.push(searchParams);
    return Promise.resolve(answer(searchParams));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(SETTLED_MS);
}

it("while nobody looks at the list, a ring only asks how many wait", async () => {
  const desk = useDesk();
  answer = () => page([chatOf("ada")], { waiting: 3 });
  desk.ring("ada");
  desk.ring("ben");
  await settle();
  expect(asked.map((query) => query.get("limit"))).toEqual(["1"]);
  expect([desk.waiting, desk.list.length]).toEqual([3, 0]);
});

it("who has written goes to the top, and what was read already stays", async () => {
  const desk = useDesk();
  answer = () => page([chatOf("ada", { active_at: at(2) }), chatOf("ben", { active_at: at(1) })]);
  desk.look();
  await settle();
  const ben = chatOf("ben", { active_at: at(3), position: { epoch: "a", seq: 9 } });
  answer = () => page([ben, chatOf("ada", { active_at: at(2) })], { waiting: 1 });
  desk.ring("ben");
  await settle();
  expect(desk.list.map(({ uri }) => uri)).toEqual(["ben", "ada"]);
  expect([asked.length, desk.waiting, desk.status]).toEqual([2, 1, "ready"]);
});

it("when more has happened than its top shows, the list is read anew", async () => {
  const desk = useDesk();
  answer = () => page([chatOf("ada")]);
  desk.look();
  await settle();
  answer = () => page([chatOf("ben")]);
  desk.ring("cleo");
  await settle();
  expect(desk.list.map(({ uri }) => uri)).toEqual(["ben"]);
});

it("shows only what is asked for, page by page", async () => {
  const desk = useDesk();
  const waits = (uri: string, minute: number): DeskChat =>
    chatOf(uri, { active_at: at(minute), waiting_since: at(0) });
  answer = () => page([chatOf("ada", { active_at: at(9) })]);
  desk.look();
  await settle();
  answer = (query) =>
    query.has("before") ? page([waits("cleo", 1)]) : page([waits("ben", 2)], { next: "7-7" });
  desk.choose("waiting");
  expect([desk.list.length, desk.status]).toEqual([0, "loading"]);
  await settle();
  await desk.showMore();
  await desk.showMore();
  expect(desk.list.map(({ uri }) => uri)).toEqual(["ben", "cleo"]);
  expect(asked.slice(1).map((query) => [query.get("waiting"), query.get("before")])).toEqual([
    ["true", null],
    ["true", "7-7"],
  ]);
});

it("tries again while the server is away", async () => {
  const desk = useDesk();
  answer = () => Response.json({ code: "unavailable" }, { status: 503 });
  desk.look();
  await settle();
  expect(desk.status).toBe("failed");
  answer = () => page([chatOf("ada")]);
  await vi.advanceTimersByTimeAsync(4_000);
  expect([desk.status, desk.list.length, desk.isStale]).toEqual(["ready", 1, false]);
});

it("asks no more where one is no operator", async () => {
  const desk = useDesk();
  answer = () => Response.json({ code: "not_an_operator" }, { status: 403 });
  desk.look();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([desk.status, asked.length]).toEqual(["refused", 1]);
});
