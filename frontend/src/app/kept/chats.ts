/** The last read chats, to be shown before the server answers or while there is no network; and unfinished texts. */

import type { MessagePage } from "../../wire";
import type { ChatSummary } from "../api/client";
import { type Drawer, inDrawer } from "./database";

const LIST = "list";
const MOST_PAGES = 30;
const MOST_MESSAGES = 50;

interface KeptPage {
  page: MessagePage;
  at: number;
}

export async function keptChats(): Promise<ChatSummary[]> {
  const kept = await inDrawer("chats", "readonly", (store) => store.get(LIST));
  return (kept as ChatSummary[] | undefined) ?? [];
}

export async function keepChats(chats: readonly ChatSummary[]): Promise<void> {
  const plain = JSON.parse(JSON.stringify(chats)) as ChatSummary[];
  await inDrawer("chats", "readwrite", (store) => store.put(plain, LIST));
}

export async function keptPage(uri: string): Promise<MessagePage | null> {
  const kept = await inDrawer("pages", "readonly", (store) => store.get(uri));
  return (kept as KeptPage | undefined)?.page ?? null;
}

/** The newest messages only, of the chats that were read last. */
export async function keepPage(uri: string, page: MessagePage): Promise<void> {
  const messages = page.messages.slice(-MOST_MESSAGES);
  const hasOlder = page.has_older || messages.length < page.messages.length;
  const kept: KeptPage = { page: { ...page, messages, has_older: hasOlder }, at: Date.now() };
  await inDrawer("pages", "readwrite", (store) => store.put(kept, uri));
  const uris = await keysOf("pages");
  if (uris.length > MOST_PAGES) {
    const pages = ((await inDrawer("pages", "readonly", (store) => store.getAll())) ?? []) as KeptPage[];
    const oldest = uris[pages.findIndex(({ at }) => at === Math.min(...pages.map((one) => one.at)))];
    if (oldest !== undefined) {
      await inDrawer("pages", "readwrite", (store) => store.delete(oldest));
    }
  }
}

export async function forgetPage(uri: string): Promise<void> {
  await inDrawer("pages", "readwrite", (store) => store.delete(uri));
}

export async function keptWriting(): Promise<Map<string, string>> {
  const uris = await keysOf("writing");
  const texts = ((await inDrawer("writing", "readonly", (store) => store.getAll())) ?? []) as string[];
  return new Map(uris.map((uri, at) => [uri, texts[at] ?? ""]));
}

export async function keepWriting(uri: string, text: string): Promise<void> {
  if (text === "") {
    await inDrawer("writing", "readwrite", (store) => store.delete(uri));
  } else {
    await inDrawer("writing", "readwrite", (store) => store.put(text, uri));
  }
}

async function keysOf(drawer: Drawer): Promise<string[]> {
  return ((await inDrawer(drawer, "readonly", (store) => store.getAllKeys())) ?? []) as string[];
}
