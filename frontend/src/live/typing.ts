/** Who is writing just now: forgotten a few seconds after the last sign of it. */

const LASTS_MS = 5_000;

export class Typing {
  private readonly writers = new Map<number, { name: string; timer: ReturnType<typeof setTimeout> }>();
  private readonly changed: (names: readonly string[]) => void;

  /** `changed` gets the names of those who are writing, the longest at it first. */
  constructor(changed: (names: readonly string[]) => void) {
    this.changed = changed;
  }

  start(userId: number, name: string): void {
    clearTimeout(this.writers.get(userId)?.timer);
    const timer = setTimeout(() => {
      this.stop(userId);
    }, LASTS_MS);
    this.writers.set(userId, { name, timer });
    this.tell();
  }

  stop(userId: number): void {
    clearTimeout(this.writers.get(userId)?.timer);
    if (this.writers.delete(userId)) {
      this.tell();
    }
  }

  private tell(): void {
    this.changed([...this.writers.values()].map(({ name }) => name));
  }
}

/** The line that says so, empty for nobody. */
export function typingText(names: readonly string[]): string {
  const [first, second] = names;
  if (first === undefined) {
    return "";
  }
  if (second === undefined) {
    return `${first} is writing…`;
  }
  return names.length === 2 ? `${first} and ${second} are writing…` : "Several people are writing…";
}
