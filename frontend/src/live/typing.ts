/** Who is writing just now: forgotten a few seconds after the last sign of it. */

const LASTS_MS = 5_000;

export class Typing {
  private readonly writers = new Map<number, { name: string; timer: ReturnType<typeof setTimeout> }>();
  private readonly changed: (text: string) => void;

  /** `changed` gets the line that says who is writing, empty for nobody. */
  constructor(changed: (text: string) => void) {
    this.changed = changed;
  }

  start(userId: number, name: string): void {
    clearTimeout(this.writers.get(userId)?.timer);
    const timer = setTimeout(() => {
      this.stop(userId);
    }, LASTS_MS);
    this.writers.set(userId, { name, timer });
    this.changed(this.line());
  }

  stop(userId: number): void {
    clearTimeout(this.writers.get(userId)?.timer);
    if (this.writers.delete(userId)) {
      this.changed(this.line());
    }
  }

  private line(): string {
    const [first, second] = [...this.writers.values()].map(({ name }) => name);
    if (first === undefined) {
      return "";
    }
    if (second === undefined) {
      return `${first} is writing…`;
    }
    return this.writers.size === 2 ? `${first} and ${second} are writing…` : "Several people are writing…";
  }
}
