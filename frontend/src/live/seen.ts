/** Who has read how far. */

import type { Message } from "../wire";

/** By user id; only rises. */
export type Marks = ReadonlyMap<number, number>;

export function marksOf(wire: Record<string, number>): Marks {
  return new Map(Object.entries(wire).map(([id, number]) => [Number(id), number]));
}

export function raise(marks: Marks, by: Marks): Marks {
  const raised = new Map(marks);
  for (const [id, number] of by) {
    raised.set(id, Math.max(number, raised.get(id) ?? 0));
  }
  return raised;
}

/** How many others have read the last message, if that is one's own. */
export function seenBy(marks: Marks, me: number, messages: readonly Message[]): number {
  const last = messages.at(-1);
  if (last?.author.id !== me) {
    return 0;
  }
  return [...marks].filter(([id, number]) => id !== me && number >= last.number).length;
}

export function seenText(count: number, isThread: boolean): string {
  return isThread ? "Seen" : `Seen by ${count}`;
}
