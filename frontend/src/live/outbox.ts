/**
 * What has been written here and is not yet known to be posted: sent one after the other, so that the order stays, and
 * again with the same key until there is an answer. It is kept on a shelf before it is sent, so that nothing is lost.
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

/** Where the drafts for one chat outlive the window, in the order in which they were put there. */
export interface Shelf {
  all: () => Promise<Draft[]>;
  put: (draft: Draft) => Promise<void>;
  drop: (clientId: string) => Promise<void>;
}

export interface OutboxOptions {
  send: (draft: Draft) => Promise<Answer>;
  posted: (message: Message) => void;
  changed: () => void;
  shelf: Shelf;
  /** Waits until no other window is sending from the same shelf. */
  turn?: (act: () => Promise<void>) => Promise<void>;
}

export class Outbox {
  private drafts: Draft[] = [];
  /** Written and not on the shelf yet: not sent either. */
  private readonly unkept = new Set<string>();
  private isSending = false;
  private isAskedAgain = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly options: OutboxOptions;

  constructor(options: OutboxOptions) {
    this.options = options;
  }

  get all(): readonly Draft[] {
    return this.drafts;
  }

  async add(clientId: string, text: string): Promise<void> {
    const draft = { clientId, text, refusal: null, isWaiting: false };
    this.unkept.add(clientId);
    this.become([...this.drafts, draft]);
    try {
      await this.options.shelf.put(draft);
    } finally {
      this.unkept.delete(clientId);
      void this.flush();
    }
  }

  /** The message has been seen in the log, whatever became of the answer. */
  confirm(clientId: string): void {
    if (this.drafts.some((draft) => draft.clientId === clientId)) {
      void this.discard(clientId);
    }
  }

  async discard(clientId: string): Promise<void> {
    this.become(this.drafts.filter((draft) => draft.clientId !== clientId));
    await this.options.shelf.drop(clientId);
  }

  async retry(clientId: string): Promise<void> {
    await this.update(clientId, { refusal: null, isWaiting: false });
    await this.flush();
  }

  /** What is on the shelf, as other windows have left it. */
  async restore(): Promise<void> {
    const kept = await this.options.shelf.all();
    const waiting = new Set(this.drafts.filter(({ isWaiting }) => isWaiting).map(({ clientId }) => clientId));
    this.become([
      ...kept
        .filter(({ clientId }) => !this.unkept.has(clientId))
        .map((draft) => ({ ...draft, isWaiting: waiting.has(draft.clientId) })),
      ...this.drafts.filter(({ clientId }) => this.unkept.has(clientId)),
    ]);
  }

  /** Sends what there is, now. Called again whenever the connection comes back. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.isAskedAgain = true;
    if (this.isSending) {
      return;
    }
    this.isSending = true;
    try {
      while (this.isAskedAgain) {
        this.isAskedAgain = false;
        await (this.options.turn ?? atOnce)(() => this.sendAll());
      }
    } finally {
      this.isSending = false;
    }
  }

  private async sendAll(): Promise<void> {
    await this.restore();
    for (let next = this.next(); next !== undefined; next = this.next()) {
      this.mark(next.clientId, { isWaiting: false });
      const answer = await this.options.send(next);
      if (answer.kind === "later") {
        this.mark(next.clientId, { isWaiting: true });
        this.timer = setTimeout(() => void this.flush(), answer.afterMs);
        return;
      }
      if (answer.kind === "refused") {
        await this.update(next.clientId, { refusal: answer.reason });
      } else {
        this.options.posted(answer.message);
        await this.discard(next.clientId);
      }
    }
  }

  private next(): Draft | undefined {
    return this.drafts.find(({ refusal, clientId }) => refusal === null && !this.unkept.has(clientId));
  }

  private mark(clientId: string, fields: Partial<Draft>): void {
    this.become(this.drafts.map((draft) => (draft.clientId === clientId ? { ...draft, ...fields } : draft)));
  }

  private async update(clientId: string, fields: Partial<Draft>): Promise<void> {
    this.mark(clientId, fields);
    const draft = this.drafts.find((one) => one.clientId === clientId);
    if (draft !== undefined) {
      await this.options.shelf.put(draft);
    }
  }

  private become(drafts: Draft[]): void {
    this.drafts = drafts;
    this.options.changed();
  }
}

async function atOnce(act: () => Promise<void>): Promise<void> {
  await act();
}

/** A shelf for this window alone, which a reload does not empty. `key` names whose drafts for which chat it holds. */
export function windowShelf(
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
  key: string,
): Shelf {
  const read = (): Draft[] => JSON.parse(storage.getItem(key) ?? "[]") as Draft[];
  const write = (drafts: readonly Draft[]): Promise<void> => {
    if (drafts.length > 0) {
      storage.setItem(key, JSON.stringify(drafts));
    } else {
      storage.removeItem(key);
    }
    return Promise.resolve();
  };
  return {
    all: () => Promise.resolve(read()),
    put: (draft) => {
      const drafts = read();
      const isThere = drafts.some(({ clientId }) => clientId === draft.clientId);
      return write(
        isThere ? drafts.map((one) => (one.clientId === draft.clientId ? draft : one)) : [...drafts, draft],
      );
    },
    drop: (gone) => write(read().filter(({ clientId }) => clientId !== gone)),
  };
}

/** Not `crypto.randomUUID`: pages without TLS do not have it. */
export function newClientId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
