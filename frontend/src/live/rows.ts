/** What stands between messages and which of them belong together: a day, the unread line, an author's turn. */

import type { Message } from "../wire";

export type Row =
  | { kind: "day"; key: string; moment: string }
  | { kind: "unread"; key: string }
  | { kind: "message"; key: string; message: Message; isFirst: boolean; isLast: boolean };

const ONE_TURN_MS = 5 * 60_000;

/** `unreadAfter`: the line goes below this number, unless everything after it is the reader's own. */
export function rowsOf(
  messages: readonly Message[],
  unreadAfter: number | null,
  reader: number,
  dayOf: (moment: Date) => string = (moment) => moment.toDateString(),
): Row[] {
  const rows: Row[] = [];
  const hasUnread = messages.some(
    ({ number, author }) => isUnread(number, unreadAfter) && author.id !== reader,
  );
  let before = null as { message: Message; day: string; at: number } | null;
  let turn = null as Extract<Row, { kind: "message" }> | null;
  for (const message of messages) {
    const moment = new Date(message.created_at);
    const day = dayOf(moment);
    const beginsDay = before?.day !== day;
    if (beginsDay) {
      rows.push({ kind: "day", key: `day ${day}`, moment: message.created_at });
    }
    const isLine =
      hasUnread &&
      isUnread(message.number, unreadAfter) &&
      !isUnread(before?.message.number ?? 0, unreadAfter);
    if (isLine) {
      rows.push({ kind: "unread", key: "unread" });
    }
    const goesOn =
      before !== null &&
      !beginsDay &&
      !isLine &&
      before.message.author.id === message.author.id &&
      moment.getTime() - before.at < ONE_TURN_MS;
    if (goesOn && turn !== null) {
      turn.isLast = false;
    }
    turn = { kind: "message", key: String(message.number), message, isFirst: !goesOn, isLast: true };
    rows.push(turn);
    before = { message, day, at: moment.getTime() };
  }
  return rows;
}

function isUnread(number: number, unreadAfter: number | null): boolean {
  return unreadAfter !== null && number > unreadAfter;
}

/** One or two letters that stand for a name. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._@+-]+/u).filter((word) => word !== "");
  const letters = words.slice(0, 2).map((word) => Array.from(word)[0] ?? "");
  return letters.join("").toLocaleUpperCase();
}
