import { describe, expect, it } from "vitest";
import { alice, bob, message } from "../cast/messages";
import { initialsOf, type Row, rowsOf } from "./rows";

function at(minute: number): { created_at: string } {
  return { created_at: new Date(Date.UTC(2026, 0, 31, 12, minute)).toISOString() };
}

function shape(rows: readonly Row[]): string[] {
  return rows.map((row) =>
    row.kind === "message" ? `${row.isFirst ? "[" : ""}${row.key}${row.isLast ? "]" : ""}` : row.kind,
  );
}

describe("the rows of a chat", () => {
  it("are grouped by author and by time", () => {
    const messages = [
      message(1, at(0)),
      message(2, at(1)),
      message(3, { ...at(2), author: bob }),
      message(4, { ...at(20), author: bob }),
    ];
    expect(shape(rowsOf(messages, null, alice.id))).toEqual(["day", "[1", "2]", "[3]", "[4]"]);
  });

  it("begin anew with each day of the reader's", () => {
    const messages = [message(1, { created_at: "2026-01-30T12:00:00Z" }), message(2, at(0))];
    const days = rowsOf(messages, null, alice.id).filter(({ kind }) => kind === "day");
    expect(days).toHaveLength(2);
  });

  it("have the line exactly below what has been read, and a turn does not go on across it", () => {
    const messages = [1, 2, 3].map((number) => message(number, { ...at(0), author: bob }));
    expect(shape(rowsOf(messages, 2, alice.id))).toEqual(["day", "[1", "2]", "unread", "[3]"]);
    expect(shape(rowsOf(messages, 0, alice.id))).toEqual(["day", "unread", "[1", "2", "3]"]);
  });

  it("have no line when there is nothing below it, or only what the reader has written", () => {
    const messages = [message(1, at(0)), message(2, at(0))];
    expect(shape(rowsOf(messages, 2, bob.id))).not.toContain("unread");
    expect(shape(rowsOf(messages, 1, alice.id))).not.toContain("unread");
    expect(shape(rowsOf(messages, 1, bob.id))).toContain("unread");
  });

  it("keep the line at the top of a page that begins after it", () => {
    expect(shape(rowsOf([message(9, { ...at(0), author: bob })], 4, alice.id))).toContain("unread");
  });
});

describe("initials", () => {
  it("are one or two letters, whatever the script", () => {
    expect(initialsOf("alice")).toBe("A");
    expect(initialsOf("zoë.brandt")).toBe("ZB");
    expect(initialsOf("ольга")).toBe("О");
    expect(initialsOf("…")).toBe("…");
    expect(initialsOf("")).toBe("");
  });
});
