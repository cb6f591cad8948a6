import { describe, expect, it } from "vitest";
import { alice, bob, message } from "../cast/messages";
import type { AnyEvent } from "../wire";
import type { ChatSummary } from "./api/client";
import { changeSummary, partnerIn } from "./summaries";

const AT = "2026-01-31T12:30:00.000Z";

const thread: ChatSummary = {
  uri: "x",
  kind: "thread",
  name: "",
  state: "active",
  role: "member",
  unread: 0,
  read_number: 3,
  message_count: 3,
  member_count: 2,
  members: [alice, bob],
  last_message: message(3),
  link_open: false,
  created_at: AT,
  active_at: AT,
  closed_at: null,
  closed_by: null,
  position: { epoch: "e", seq: 5 },
};

function event(fields: object, seq = 6): AnyEvent {
  return { chat: "x", seq, at: AT, ends: [], ...fields } as unknown as AnyEvent;
}

function after(chat: ChatSummary, ...events: AnyEvent[]): ChatSummary {
  return events.reduce((now, one) => changeSummary(now, one, alice.id), chat);
}

describe("a chat's line", () => {
  it("counts what others write, and nothing once one has written oneself", () => {
    const theirs = event({ type: "message.posted", message: message(4, { author: bob, created_at: AT }) });
    expect(after(thread, theirs)).toMatchObject({ unread: 1, message_count: 4, active_at: AT });
    const mine = event({ type: "message.posted", message: message(5) }, 7);
    expect(after(thread, theirs, mine)).toMatchObject({ unread: 0, read_number: 5 });
  });

  it("is not changed by an event that it has had before", () => {
    const theirs = event({ type: "message.posted", message: message(4, { author: bob }) });
    const once = after(thread, theirs);
    expect(after(once, theirs)).toBe(once);
  });

  it("shows the last message as it stands", () => {
    const edited = event({
      type: "message.edited",
      message_id: 1,
      number: 3,
      text: "new words",
      edited_at: AT,
    });
    expect(after(thread, edited).last_message?.text).toBe("new words");
    const deleted = event({
      type: "message.deleted",
      message_id: 1,
      number: 3,
      deleted_at: AT,
      deleted_by: 1,
    });
    expect(after(thread, deleted).last_message).toMatchObject({ text: "", deleted_by: 1 });
    const older = event({ type: "message.edited", message_id: 1, number: 2, text: "other", edited_at: AT });
    expect(after(thread, older).last_message).toEqual(thread.last_message);
  });

  it("follows the chat and its members", () => {
    expect(after(thread, event({ type: "chat.closed", by: 2, closed_at: AT }))).toMatchObject({
      state: "closed",
      closed_by: 2,
    });
    expect(
      after(thread, event({ type: "chat.changed", name: "Poetry", link_open: true, by: 2 })),
    ).toMatchObject({
      name: "Poetry",
      link_open: true,
    });
    const joined = event({ type: "member.joined", user: bob, role: "member", by: 1 });
    const left = event({ type: "member.left", user: bob }, 7);
    expect(after(thread, joined).member_count).toBe(3);
    expect(after(thread, joined, left).member_count).toBe(2);
    expect(after(thread, event({ type: "member.promoted", user: alice })).role).toBe("owner");
  });

  it("knows the other one of two", () => {
    expect(partnerIn(thread, alice.id)).toBe(bob);
    expect(partnerIn({ ...thread, kind: "room" }, alice.id)).toBeNull();
  });
});
