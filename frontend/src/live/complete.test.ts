import { describe, expect, it } from "vitest";

import { complete } from "./complete";

describe("what events leave out", () => {
  it("is put back, in what is in them too", () => {
    const event = complete({
      type: "message.posted",
      chat: "feed",
      seq: 7,
      at: "2026-01-31T12:00:00.000Z",
      message: {
        id: 1,
        number: 1,
        seq: 7,
        author: { id: 3, username: "alice", is_bot: true },
        text: "hello",
        created_at: "2026-01-31T12:00:00.000Z",
      },
    });
    expect(event).toMatchObject({
      ends: [],
      message: {
        text: "hello",
        edited_at: null,
        deleted_at: null,
        client_id: null,
        author: { username: "alice", email: "", is_bot: true, deleted: false },
      },
    });
  });

  it("is not put in the place of what is there", () => {
    expect(complete({ type: "member.left", ends: [3], user: { id: 3, deleted: true } })).toMatchObject({
      ends: [3],
      user: { deleted: true, first_name: "" },
    });
    expect(complete({ type: "contact.changed", contact: { id: 1, taken_by: null } })).toMatchObject({
      contact: { taken_by: null },
    });
  });

  it("is unknown of doorbells and of what comes with a later version", () => {
    expect(complete({ type: "typing", user_id: 3 })).toEqual({ type: "typing", user_id: 3 });
    expect(complete({ type: "message.starred", number: 3 })).toEqual({ type: "message.starred", number: 3 });
  });
});
