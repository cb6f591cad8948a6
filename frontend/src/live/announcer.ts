/** Tells screen readers that somebody has written: at most every few seconds, and never what. */

const EVERY_MS = 4_000;

export class Announcer {
  private authors: string[] = [];
  private readonly element: HTMLElement;

  /** `element` is a live region. */
  constructor(element: HTMLElement) {
    this.element = element;
  }

  announce(author: string): void {
    this.authors.push(author);
    if (this.authors.length === 1) {
      setTimeout(() => {
        this.speak();
      }, EVERY_MS);
    }
  }

  private speak(): void {
    const count = this.authors.length;
    this.element.textContent = count === 1 ? `New message from ${this.authors[0]}` : `${count} new messages`;
    this.authors = [];
  }
}
