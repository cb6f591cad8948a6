/** The outbox's shelf in IndexedDB: shared by all windows of the browser, and there again when it is started anew. */

import type { Draft, Shelf } from "../../live/outbox";
import { close, inDrawer, openFor } from "./database";

interface KeptDraft {
  order?: number;
  chat: string;
  clientId: string;
  text: string;
  refusal: string | null;
}

export function shelfFor(chat: string): Shelf {
  // What cannot be kept is at least remembered.
  const memory = new Map<string, Draft>();
  return {
    all: async () => {
      const kept = (await inDrawer("outbox", "readonly", (store) => store.index("chat").getAll(chat))) as
        KeptDraft[] | undefined;
      if (kept === undefined) {
        return [...memory.values()];
      }
      return kept.map(({ clientId, text, refusal }) => ({ clientId, text, refusal, isWaiting: false }));
    },
    put: async (draft) => {
      memory.set(draft.clientId, draft);
      const order = await orderOf(draft.clientId);
      const { clientId, text, refusal } = draft;
      const row: KeptDraft = { chat, clientId, text, refusal, ...(order === undefined ? {} : { order }) };
      await inDrawer("outbox", "readwrite", (store) => store.put(row));
    },
    drop: async (clientId) => {
      memory.delete(clientId);
      const order = await orderOf(clientId);
      if (order !== undefined) {
        await inDrawer("outbox", "readwrite", (store) => store.delete(order));
      }
    },
  };
}

async function orderOf(clientId: string): Promise<number | undefined> {
  const key = await inDrawer("outbox", "readonly", (store) => store.index("clientId").getKey(clientId));
  return typeof key === "number" ? key : undefined;
}

/** The chats in which something waits to be sent. */
export async function chatsWithDrafts(): Promise<string[]> {
  const kept = (await inDrawer("outbox", "readonly", (store) => store.getAll())) as KeptDraft[] | undefined;
  return [...new Set(kept?.map(({ chat }) => chat))];
}

/** What a person who has been signed out had not sent. */
export async function unsentTexts(userId: number): Promise<string[]> {
  openFor(userId);
  const kept = await inDrawer("outbox", "readonly", (store) => store.getAll());
  close();
  return (kept as KeptDraft[] | undefined)?.map(({ text }) => text) ?? [];
}
