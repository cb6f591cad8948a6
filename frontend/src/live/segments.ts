/** A text and the addresses in it, in pieces: what somebody wrote is never taken for markup. */

export interface Segment {
  readonly text: string;
  /** Where it leads; null for plain text. */
  readonly href: string | null;
}

const ADDRESS = /https?:\/\/[^\s<>"']+/giu;
/** A sentence's own marks at the end of an address. */
const TRAILING = /[.,;:!?)\]}»”’]+$/u;

export function segmentsOf(text: string): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, "");
    if (URL.canParse(address)) {
      if (match.index > end) {
        segments.push({ text: text.slice(end, match.index), href: null });
      }
      segments.push({ text: address, href: address });
      end = match.index + address.length;
    }
  }
  if (end < text.length || segments.length === 0) {
    segments.push({ text: text.slice(end), href: null });
  }
  return segments;
}
