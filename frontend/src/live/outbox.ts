/**
 * What has been written here and is not yet known to be posted: sent one after the other, so that the order stays, and
 * again with the same key until there is an answer. Kept for the window, so that a reload loses nothing.
 */

import type { Message } from "../wire";

export interface Draft {
  readonly clientId: string;
  readonly text: string;
  /** Why it was refused; null while there is hope. */
  readonly refusal: string | null;
  /** Whether it waits for the network or the server, rather than for an answer. */
  readonly isWaiting: boolean;
}

export type Answer =
  | { kind: "posted"; message: Message }
  | { kind: "refused"; reason: string }
  | { kind: "later"; afterMs: number };

export interface OutboxOptions {
  send: (draft: Draft) => Promise<Answer>;
  posted: (message: Message) => void;
  changed: () => void;
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Names whose drafts for which chat these are. */
  key: string;
}

export class Outbox {
  private drafts: Draft[];
  private isSending = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.options = options;
    this.drafts = this.restore();
  }

  get all(): readonly Draft[] {
    return this.drafts;
  }

  add(clientId: string, text: string): void {
    this.drafts.push({ clientId, text, refusal: null, isWaiting: false });
    this.keep();
    void this.flush();
  }

  /** The message has been seen in the log, whatever became of the answer. */
  confirm(clientId: string): void {
    if (this.drafts.some((draft) => draft.clientId === clientId)) {
      this.discard(clientId);
    }
  }

  discard(clientId: string): void {
    this.drafts = this.drafts.filter((draft) => draft.clientId !== clientId);
    this.keep();
  }

  retry(clientId: string): void {
    this.update(clientId, { refusal: null, isWaiting: false });
    void this.flush();
  }

  /** Sends what there is, now. Called again whenever the connection comes back. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    if (this.isSending) {
      return;
    }
    this.isSending = true;
    try {
      for (let next = this.next(); next !== undefined; next = this.next()) {
        this.update(next.clientId, { isWaiting: false });
        const answer = await this.options.send(next);
        if (answer.kind === "later") {
          this.update(next.clientId, { isWaiting: true });
          this.timer = setTimeout(() => void this.flush(), answer.afterMs);
          return;
        }
        if (answer.kind === "refused") {
          this.update(next.clientId, { refusal: answer.reason });
        } else {
          this.discard(next.clientId);
          this.options.posted(answer.message);
        }
      }
    } finally {
      this.isSending = false;
    }
  }

  private next(): Draft | undefined {
    return this.drafts.find((draft) => draft.refusal === null);
  }

  private update(clientId: string, fields: Partial<Draft>): void {
    this.drafts = this.drafts.map((draft) => (draft.clientId === clientId ? { ...draft, ...fields } : draft));
    this.keep();
  }

  private keep(): void {
    const { storage, key, changed } = this.options;
    if (this.drafts.length > 0) {
      storage.setItem(key, JSON.stringify(this.drafts));
    } else {
      storage.removeItem(key);
    }
    changed();
  }

  private restore(): Draft[] {
    const kept = this.options.storage.getItem(this.options.key);
    return kept === null ? [] : (JSON.parse(kept) as Draft[]);
  }
}
