/** What a contact sent beside words. The server writes it into the text: `[image] https://…`, `[location] 52.5, 13.4`. */

import type { Message } from "../wire";

export const KINDS = [
  "image",
  "video",
  "audio",
  "voice",
  "file",
  "sticker",
  "contact",
  "location",
  "other",
] as const;
export type PieceKind = (typeof KINDS)[number];

export interface Piece {
  readonly kind: PieceKind;
  readonly url: string | null;
}

export interface Said {
  readonly pieces: readonly Piece[];
  readonly text: string;
}

const PIECE = /^\[([a-z_]{2,20})\](?: (https?:\/\/\S+))?(?: |$)/;

/** What a message shows as text, and what beside it. Only contacts' messages have pieces. */
export function saidIn({ author, text, extras }: Message): Said {
  if (extras !== null && extras.kind !== "quick_replies" && extras.text.trim() === "") {
    return { pieces: [], text: "" }; // The text only tells what the extras show.
  }
  const pieces: Piece[] = [];
  let rest = text;
  for (let found = next(); author.is_contact && found !== null; found = next()) {
    pieces.push({ kind: kindOf(found[1] ?? ""), url: found[2] ?? null });
    rest = rest.slice(found[0].length);
  }
  return { pieces, text: rest };

  function next(): RegExpExecArray | null {
    return PIECE.exec(rest);
  }
}

function kindOf(name: string): PieceKind {
  return KINDS.find((kind) => kind === name) ?? "other";
}
