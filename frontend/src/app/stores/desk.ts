/** The desk, for operators: the chats of contacts on bot platforms, and how many of them wait for a person. */

import { defineStore } from "pinia";
import { computed, ref, shallowReactive, shallowRef } from "vue";
import type { AnyEvent } from "../../wire";
import { answerOf, api, Refusal } from "../api/client";
import { type DeskChat, type DeskPage, FILTERS, listOf, newerOf, type Shown } from "../desk";
import { useAlerts } from "./alerts";
import { useOpenChat } from "./open-chat";
import { useSession } from "./session";

const PAGE_LENGTH = 50;
const SETTLE_MS = 100;
const MOST_OFTEN_MS = 500;
const TRY_AGAIN_MS = 3_000;

/** `refused`: this person is no operator, or not any more. */
type Status = "loading" | "ready" | "failed" | "refused";

export const useDesk = defineStore("desk", () => {
  const session = useSession();
  const byUri = shallowReactive(new Map<string, DeskChat>());
  /** One that was opened by its address and is not in the list. */
  const apart = shallowRef<DeskChat | null>(null);
  const shown = ref<Shown>("all");
  const status = ref<Status>("loading");
  const waiting = ref(0);
  const next = ref<string | null>(null);
  const isPaging = ref(false);
  /** Whether it may lack something that happened. */
  const isStale = ref(false);

  /** Whether the list is before somebody's eyes; else only the count is read. */
  let isWatched = false;
  let isAfresh = false;
  let isReading = false;
  let readAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Where something has happened that was not read yet. */
  const rung = new Set<string>();

  const list = computed(() => listOf(byUri.values(), shown.value, session.user?.id ?? 0));

  function chatAt(uri: string): DeskChat | null {
    return byUri.get(uri) ?? (apart.value?.uri === uri ? apart.value : null);
  }

  // --- Reading ---------------------------------------------------------------------------------------------------

  /** The list is shown from now on; returns how to end that. */
  function look(): () => void {
    isWatched = true;
    again();
    return () => {
      isWatched = false;
      byUri.clear();
      next.value = null;
      status.value = "loading";
    };
  }

  function choose(wanted: Shown): void {
    if (wanted !== shown.value) {
      shown.value = wanted;
      byUri.clear();
      next.value = null;
      status.value = "loading";
      again();
    }
  }

  /** Everything anew: what happened meanwhile may not have been told. */
  function again(): void {
    isAfresh = true;
    isStale.value = true;
    soon();
  }

  function ring(uri: string): void {
    rung.add(uri);
    soon();
  }

  function soon(afterMs = 0): void {
    const settled = rung.size > 0 ? Math.max(SETTLE_MS, readAt + MOST_OFTEN_MS - Date.now()) : 0;
    if (!isReading) {
      timer ??= setTimeout(() => void read(), Math.max(afterMs, settled));
    }
  }

  async function read(): Promise<void> {
    timer = undefined;
    const uris = [...rung];
    const wasAfresh = isAfresh;
    rung.clear();
    isAfresh = false;
    isReading = true;
    readAt = Date.now();
    let laterMs = 0;
    try {
      await (isWatched ? readList(uris, wasAfresh) : readCount(uris));
      status.value = "ready";
    } catch (problem) {
      const isForNow = !(problem instanceof Refusal) || problem.isForNow;
      status.value = !isForNow ? "refused" : byUri.size > 0 ? "ready" : "failed";
      isAfresh = isForNow;
      laterMs = TRY_AGAIN_MS;
      if (!isForNow) {
        void session.readMe().catch(() => undefined);
      }
    }
    isReading = false;
    isStale.value = isAfresh;
    if (isAfresh || rung.size > 0) {
      soon(laterMs);
    }
  }

  async function readCount(uris: readonly string[]): Promise<void> {
    count(await pageOf({ limit: 1 }), uris);
  }

  /** Whatever has changed is at the top of the whole list, unless it is too much. */
  async function readList(uris: readonly string[], wasAfresh: boolean): Promise<void> {
    const wanted = shown.value;
    const newest = wasAfresh ? null : await pageOf({});
    const isThere = (uri: string): boolean => newest?.chats.some((chat) => chat.uri === uri) ?? false;
    if (newest !== null && uris.every(isThere)) {
      newest.chats.forEach(put);
      count(newest, uris);
      return;
    }
    const page = await pageOf(FILTERS[wanted]);
    count(page, uris);
    if (wanted === shown.value) {
      byUri.clear();
      page.chats.forEach(put);
      next.value = page.next;
    } else {
      isAfresh = true;
    }
  }

  /** Somebody more waits: heard of also while one is looking elsewhere. */
  function count(page: DeskPage, uris: readonly string[]): void {
    if (page.waiting > waiting.value && uris.some((uri) => uri !== useOpenChat().uri)) {
      useAlerts().arrived("", false);
    }
    waiting.value = page.waiting;
  }

  async function pageOf(
    query: { before?: string; limit?: number } & (typeof FILTERS)[Shown],
  ): Promise<DeskPage> {
    return answerOf(api.GET("/api/desk/chats/", { params: { query: { limit: PAGE_LENGTH, ...query } } }));
  }

  async function showMore(): Promise<void> {
    const [before, wanted] = [next.value, shown.value];
    if (before === null || isPaging.value) {
      return;
    }
    isPaging.value = true;
    try {
      const page = await pageOf({ ...FILTERS[wanted], before });
      if (wanted === shown.value && before === next.value) {
        page.chats.forEach(put);
        next.value = page.next;
      }
    } catch {
      // Scrolling on asks again.
    } finally {
      isPaging.value = false;
    }
  }

  // --- One chat --------------------------------------------------------------------------------------------------

  /** Throws a `Refusal`. */
  async function open(uri: string): Promise<void> {
    apart.value = await answerOf(api.GET("/api/desk/chats/{uri}/", { params: { path: { uri } } }));
  }

  function put(chat: DeskChat): void {
    byUri.set(chat.uri, newerOf(chatAt(chat.uri) ?? undefined, chat));
  }

  function change(chat: DeskChat): void {
    if (byUri.has(chat.uri)) {
      put(chat);
    }
    if (apart.value?.uri === chat.uri) {
      apart.value = newerOf(apart.value, chat);
    }
  }

  function apply(event: AnyEvent): void {
    const known = chatAt(event.chat);
    if (event.type === "contact.changed" && known !== null && event.seq > known.position.seq) {
      const position = { ...known.position, seq: event.seq };
      change({ ...known, contact: event.contact, position });
    }
  }

  async function take(uri: string): Promise<void> {
    change(await answerOf(api.POST("/api/desk/chats/{uri}/take/", { params: { path: { uri } } })));
  }

  async function handBack(uri: string): Promise<void> {
    change(await answerOf(api.POST("/api/desk/chats/{uri}/hand-back/", { params: { path: { uri } } })));
  }

  async function ban(uri: string): Promise<void> {
    change(await answerOf(api.POST("/api/desk/chats/{uri}/ban/", { params: { path: { uri } } })));
  }

  async function unban(uri: string): Promise<void> {
    change(await answerOf(api.DELETE("/api/desk/chats/{uri}/ban/", { params: { path: { uri } } })));
  }

  function clear(): void {
    clearTimeout(timer);
    timer = undefined;
    rung.clear();
    byUri.clear();
    apart.value = null;
    next.value = null;
    waiting.value = 0;
    isAfresh = false;
    isStale.value = false;
    shown.value = "all";
    status.value = "loading";
  }

  return {
    shown,
    status,
    waiting,
    next,
    isPaging,
    isStale,
    list,
    chatAt,
    look,
    choose,
    again,
    ring,
    showMore,
    open,
    apply,
    take,
    handBack,
    ban,
    unban,
    clear,
  };
});
