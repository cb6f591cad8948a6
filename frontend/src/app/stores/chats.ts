/** One's chats, as the list shows them. */

import { defineStore } from "pinia";
import { computed, ref, shallowReactive } from "vue";
import type { AnyEvent, Position } from "../../wire";
import { answerOf, api, type ChatSummary } from "../api/client";
import { keepChats, keptChats } from "../kept/chats";
import { changeSummary } from "../summaries";
import { useSession } from "./session";

const MOST_LISTED = 500;
const SETTLE_MS = 200;
const TRY_AGAIN_MS = 3_000;
const KEEP_EVERY_MS = 2_000;

export const useChats = defineStore("chats", () => {
  const byUri = shallowReactive(new Map<string, ChatSummary>());
  const isLoaded = ref(false);
  /** Whether it may lack something that happened. */
  const isStale = ref(true);
  const session = useSession();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let keeping: ReturnType<typeof setTimeout> | undefined;

  /** The feed, then the others, the most recently active first. */
  const list = computed(() =>
    [...byUri.values()].sort(
      (one, other) =>
        Number(other.kind === "feed") - Number(one.kind === "feed") ||
        other.active_at.localeCompare(one.active_at),
    ),
  );
  const unread = computed(() =>
    list.value.reduce((sum, chat) => sum + (chat.kind === "feed" ? 0 : chat.unread), 0),
  );

  /** Shows what was kept; then reads the list, until that succeeds. */
  async function load(): Promise<void> {
    if (!isLoaded.value) {
      for (const chat of await keptChats()) {
        if (!byUri.has(chat.uri)) {
          byUri.set(chat.uri, chat);
        }
      }
      isLoaded.value = byUri.size > 0;
    }
    await read();
  }

  async function read(): Promise<void> {
    const reader = session.session;
    if (reader === null) {
      return;
    }
    const fresh: ChatSummary[] = [];
    try {
      for (let next: string | null = ""; next !== null && fresh.length < MOST_LISTED;) {
        const page: { chats: ChatSummary[]; next: string | null } = await answerOf(
          api.GET("/api/chats/", { params: { query: { limit: 100, before: next } } }),
        );
        fresh.push(...page.chats);
        next = page.next;
      }
    } catch {
      again(TRY_AGAIN_MS);
      return;
    }
    if (reader === session.session) {
      become(fresh);
    }
  }

  function become(fresh: readonly ChatSummary[]): void {
    const uris = new Set(fresh.map(({ uri }) => uri));
    for (const uri of byUri.keys()) {
      if (!uris.has(uri)) {
        byUri.delete(uri);
      }
    }
    fresh.forEach(put);
    isLoaded.value = true;
    isStale.value = false;
    void keepChats(list.value);
  }

  /** Unless what is here knows more. */
  function put(chat: ChatSummary): void {
    const known = byUri.get(chat.uri);
    const isNewer = known?.position.epoch !== chat.position.epoch || known.position.seq <= chat.position.seq;
    if (isNewer) {
      byUri.set(chat.uri, chat);
    }
  }

  function again(afterMs = SETTLE_MS): void {
    isStale.value = true;
    clearTimeout(timer);
    timer = setTimeout(() => void read(), afterMs);
  }

  function apply(event: AnyEvent): void {
    const chat = byUri.get(event.chat);
    const me = session.user;
    if (chat !== undefined && me !== null) {
      byUri.set(chat.uri, changeSummary(chat, event, me.id));
      keepSoon();
    }
  }

  function keepSoon(): void {
    keeping ??= setTimeout(() => {
      keeping = undefined;
      void keepChats(list.value);
    }, KEEP_EVERY_MS);
  }

  /** From `position` on events come. What is here must know as much. */
  function stand(uri: string, position: Position | null): void {
    const known = byUri.get(uri)?.position;
    if (position !== null && (known?.epoch !== position.epoch || known.seq < position.seq)) {
      again();
    }
  }

  function markRead(uri: string, number: number): void {
    const chat = byUri.get(uri);
    if (chat !== undefined && number > chat.read_number) {
      byUri.set(uri, { ...chat, read_number: number, unread: Math.max(0, chat.message_count - number) });
      keepSoon();
    }
  }

  function forget(uri: string): void {
    byUri.delete(uri);
  }

  function clear(): void {
    clearTimeout(timer);
    clearTimeout(keeping);
    keeping = undefined;
    byUri.clear();
    isLoaded.value = false;
    isStale.value = true;
  }

  return { byUri, list, unread, isLoaded, isStale, load, put, again, apply, stand, markRead, forget, clear };
});
