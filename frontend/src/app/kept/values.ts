/** Small things that a browser keeps by name: the session, preferences. What cannot be read counts as not kept. */

export function keptValue(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export function keepValue(key: string, value: unknown): void {
  localStorage.setItem(key, JSON.stringify(value));
}
