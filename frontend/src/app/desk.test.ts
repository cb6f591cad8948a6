import { expect, it } from "vitest";
import { chatOf } from "../cast/desk";
import { alice } from "../cast/messages";
import { listOf, newerOf } from "./desk";

const names = (chats: { uri: string }[]): string[] => chats.map(({ uri }) => uri);

it("the desk has whoever was active last on top, and shows only what is asked for", () => {
  const chats = [
    chatOf("ada", { active_at: "2026-03-01T10:00:00.000Z" }),
    chatOf("ben", { active_at: "2026-03-01T12:00:00.000Z", waiting_since: "2026-03-01T12:00:00.000Z" }),
    chatOf("cleo", { active_at: "2026-03-01T11:00:00.000Z", contact: { taken_by: alice } }),
  ];
  expect(names(listOf(chats, "all", alice.id))).toEqual(["ben", "cleo", "ada"]);
  expect(names(listOf(chats, "waiting", alice.id))).toEqual(["ben"]);
  expect(names(listOf(chats, "mine", alice.id))).toEqual(["cleo"]);
  expect(listOf(chats, "mine", alice.id + 1)).toEqual([]);
});

it("what was read earlier never takes the place of what is known", () => {
  const [old, now] = [1, 2].map((seq) => chatOf("ada", { position: { epoch: "a", seq } }));
  if (old === undefined || now === undefined) {
    throw new Error("two chats");
  }
  expect(newerOf(undefined, old)).toBe(old);
  expect(newerOf(old, now)).toBe(now);
  expect(newerOf(now, old)).toBe(now);
  const restored = chatOf("ada", { position: { epoch: "b", seq: 1 } });
  expect(newerOf(now, restored)).toBe(restored);
});
