/** The chat that is being read: a window of its messages, who has read how far, and where one had stopped. */

import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";
import { marksOf, raise, type Marks } from "../../live/seen";
import {
  apply as applyTo,
  begin,
  replace,
  reveal as revealIn,
  show as showIn,
  type Timeline,
  trimOldest,
  waitingIn,
} from "../../live/timeline";
import type { AnyEvent, Message, MessagePage, Position } from "../../wire";
import { answerOf, api, type ChatSummary, Refusal, type RoomPreview } from "../api/client";
import { forgetPage, keepPage, keptPage } from "../kept/chats";
import { useChats } from "./chats";
import { useConnection } from "./connection";
import { MOST_ON_PAGE, type Opened, pageOf, pagesOf } from "./open-pages";
import { useSession } from "./session";

const READ_AFTER_MS = 300;
const TYPING_EVERY_MS = 3_000;
const TRY_AGAIN_MS = 2_000;
const KEEP_AFTER_MS = 1_500;

/** `kept`: what this browser has of it is shown, the server has not answered yet. */
export type Status = "loading" | "kept" | "ready" | "preview" | "missing" | "failed";

/** One's chats; or the desk, whose chats one is no member of: nothing is unread there, and nothing is kept here. */
export type Place = "chats" | "desk";

export const useOpenChat = defineStore("open chat", () => {
  const chats = useChats();
  const connection = useConnection();
  const session = useSession();

  const uri = ref("");
  const place = ref<Place>("chats");
  const status = ref<Status>("loading");
  const timeline = shallowRef<Timeline | null>(null);
  const preview = shallowRef<RoomPreview | null>(null);
  const marks = shallowRef<Marks>(new Map());
  /** The line goes below the message of this number; null: there is none. */
  const unreadAfter = ref<number | null>(null);
  const target = shallowRef<{ number: number; isMarked: boolean } | null>(null);
  const isPaging = ref(false);
  /** How many events are missing here, while they are being read. */
  const behind = ref(0);
  const isFollowed = ref(false);

  let position: Position | null = null;
  let head: Position | null = null;
  /** Events that come before there is anything to apply them to. */
  let early: AnyEvent[] = [];
  /** Whether something has come since the reader looked away. */
  let isAway = false;
  let seen = 0;
  let readTimer: ReturnType<typeof setTimeout> | undefined;
  let keepTimer: ReturnType<typeof setTimeout> | undefined;
  let typedAt = 0;

  const opened: Opened = {
    uri,
    timeline,
    target,
    isPaging,
    isReady: () => status.value === "ready",
    isReading: false,
    isAtNewest: true,
    opening: 0,
  };
  const { showOlder, showNewer, goTo, goToNewest } = pagesOf(opened, become, catchUp);

  const chat = computed(() => chats.byUri.get(uri.value) ?? null);
  const waiting = computed(() => (timeline.value === null ? 0 : waitingIn(timeline.value)));

  // --- Opening ---------------------------------------------------------------------------------------------------

  /** `at`: the message to show, else where one had stopped reading, or the newest. */
  async function load(chatUri: string, at: number | null = null, where: Place = "chats"): Promise<void> {
    if (chatUri === uri.value && status.value === "ready") {
      await (at === null ? undefined : goTo(at));
      return;
    }
    const turn = leave();
    uri.value = chatUri;
    place.value = where;
    const kept = at === null && where === "chats" ? await keptPage(chatUri) : null;
    if (turn === opened.opening && kept !== null) {
      timeline.value = begin(kept);
      status.value = "kept";
    }
    while (turn === opened.opening) {
      try {
        await read(chatUri, at, turn);
        return;
      } catch (problem) {
        if (turn !== opened.opening) {
          return; // Nobody waits for it any more.
        }
        if (!(problem instanceof Refusal)) {
          throw problem;
        }
        if (!problem.isForNow) {
          status.value = "missing";
          timeline.value = null;
          void forgetPage(chatUri);
          return;
        }
        status.value = timeline.value === null ? "failed" : "kept";
      }
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }

  async function read(chatUri: string, at: number | null, turn: number): Promise<void> {
    opened.isReading = true;
    const found = place.value === "desk" ? null : (chats.byUri.get(chatUri) ?? (await findChat(chatUri)));
    if (turn !== opened.opening) {
      return;
    }
    if (found !== null && "joined" in found) {
      preview.value = found;
      status.value = "preview";
      return;
    }
    const page = await pageOf(chatUri, at === null ? {} : { around: at });
    if (turn !== opened.opening) {
      return;
    }
    unreadAfter.value =
      found !== null && found.unread > 0 && session.user !== null ? found.read_number : null;
    become(page);
    status.value = "ready";
    if (at !== null) {
      target.value = { number: at, isMarked: true };
    } else if (
      unreadAfter.value !== null &&
      page.messages.some(({ number }) => number === unreadAfter.value)
    ) {
      target.value = { number: unreadAfter.value, isMarked: false };
    }
  }

  async function findChat(chatUri: string): Promise<ChatSummary | RoomPreview> {
    const found = await answerOf(api.GET("/api/chats/{uri}/", { params: { path: { uri: chatUri } } }));
    if (!("joined" in found)) {
      chats.put(found);
    }
    return found;
  }

  /** Puts a page in the place of everything, and on it what has happened since it was read. */
  function become(page: MessagePage): void {
    timeline.value = begin(page);
    position = page.position;
    opened.isAtNewest = !page.has_newer;
    catchUp();
    if (head !== null) {
      stand(uri.value, head, {});
    }
    keepSoon();
  }

  function catchUp(): void {
    opened.isReading = false;
    const missed = early;
    early = [];
    missed.forEach(apply);
  }

  /** Forgets the chat; what is still under way for it changes nothing any more. */
  function leave(): number {
    clearTimeout(readTimer);
    clearTimeout(keepTimer);
    readTimer = keepTimer = undefined;
    uri.value = "";
    status.value = "loading";
    timeline.value = null;
    preview.value = null;
    marks.value = new Map();
    unreadAfter.value = null;
    target.value = null;
    isPaging.value = false;
    isFollowed.value = false;
    behind.value = 0;
    position = head = null;
    early = [];
    opened.isReading = false;
    opened.isAtNewest = true;
    opened.opening += 1;
    return opened.opening;
  }

  // --- What comes in ---------------------------------------------------------------------------------------------

  function apply(event: AnyEvent): void {
    if (event.chat !== uri.value) {
      return;
    }
    if (opened.isReading || timeline.value === null || position === null) {
      early.push(event);
      return;
    }
    if (event.seq > position.seq) {
      position = { ...position, seq: event.seq };
      moveLine(event);
      const changed = applyTo(timeline.value, event, opened.isAtNewest);
      timeline.value = opened.isAtNewest ? trimOldest(changed, MOST_ON_PAGE) : changed;
      behind.value = 0;
      keepSoon();
    }
  }

  /** Whoever looks away finds the line, when they are back, above what has come since. */
  function moveLine(event: AnyEvent): void {
    const isUnseen =
      event.type === "message.posted" && event.message.author.id !== session.user?.id && !document.hasFocus();
    if (isUnseen && !isAway) {
      isAway = true;
      unreadAfter.value = event.message.number - 1;
    }
  }

  /** From `from` on events come. If something lies between that and what is here, it is read afresh. */
  function stand(chatUri: string, from: Position | null, fresh: Record<string, number>): void {
    if (chatUri !== uri.value) {
      return;
    }
    isFollowed.value = true;
    head = from;
    marks.value = raise(marks.value, marksOf(fresh));
    if (from === null || position === null || opened.isReading) {
      return;
    }
    if (from.epoch !== position.epoch || from.seq > position.seq) {
      behind.value = from.epoch === position.epoch ? from.seq - position.seq : 1;
      void startOver();
    }
  }

  function interrupted(chatUri: string): void {
    if (chatUri === uri.value) {
      isFollowed.value = false;
    }
  }

  async function startOver(): Promise<void> {
    const turn = opened.opening;
    opened.isReading = true;
    const first = timeline.value?.messages[0];
    const isNewest = opened.isAtNewest || first === undefined;
    while (turn === opened.opening) {
      try {
        const page = await pageOf(uri.value, isNewest ? {} : { after: first.number - 1 });
        if (turn === opened.opening) {
          become(page);
          behind.value = 0;
        }
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
      }
    }
  }

  function mark(chatUri: string, risen: Record<string, number>): void {
    if (chatUri === uri.value) {
      marks.value = raise(marks.value, marksOf(risen));
    }
  }

  /** One's own message, as the answer has it: shown wherever one is. */
  function show(chatUri: string, message: Message): void {
    if (chatUri === uri.value && timeline.value !== null) {
      timeline.value = showIn(timeline.value, message);
    }
  }

  function change(chatUri: string, message: Message): void {
    if (chatUri === uri.value && timeline.value !== null) {
      timeline.value = replace(timeline.value, message);
      keepSoon();
    }
  }

  function keepSoon(): void {
    const [chatUri, turn] = [uri.value, opened.opening];
    keepTimer ??= setTimeout(() => {
      keepTimer = undefined;
      const now = timeline.value;
      const isKept = place.value === "chats" && now?.reachesNewest === true;
      if (turn === opened.opening && isKept && position !== null) {
        const messages = [...now.messages];
        void keepPage(chatUri, { messages, position, has_older: now.hasOlder, has_newer: false });
      }
    }, KEEP_AFTER_MS);
  }

  // --- Where the reader is ---------------------------------------------------------------------------------------

  /** Whether the reader is at the end, where what is posted glides in; and the last message that they have before them. */
  function look(isAtEnd: boolean, lastSeen: number | null): void {
    opened.isAtNewest = isAtEnd && timeline.value?.reachesNewest === true;
    if (opened.isAtNewest && waiting.value > 0 && timeline.value !== null) {
      timeline.value = trimOldest(revealIn(timeline.value), MOST_ON_PAGE);
    }
    if (lastSeen !== null && document.hasFocus()) {
      isAway = false;
      seen = lastSeen;
      // Not put off by what comes meanwhile: in a lively chat there is always something.
      readTimer ??= setTimeout(() => {
        readTimer = undefined;
        void markRead(seen);
      }, READ_AFTER_MS);
    }
  }

  async function markRead(number: number): Promise<void> {
    const [chatUri, known] = [uri.value, chat.value];
    if (known === null || number <= known.read_number || connection.state !== "connected") {
      return;
    }
    chats.markRead(chatUri, number);
    await connection.call("chat.read", { chat: chatUri, number }).catch(() => undefined);
  }

  function announceTyping(): void {
    const isTold = chat.value !== null && chat.value.kind !== "feed" && isFollowed.value;
    if (isTold && Date.now() - typedAt > TYPING_EVERY_MS) {
      typedAt = Date.now();
      void connection.call("chat.typing", { chat: uri.value }).catch(() => undefined);
    }
  }

  function stopTyping(): void {
    typedAt = 0;
  }

  return {
    uri,
    place,
    status,
    timeline,
    preview,
    marks,
    unreadAfter,
    target,
    isPaging,
    behind,
    isFollowed,
    chat,
    waiting,
    load,
    leave,
    apply,
    stand,
    interrupted,
    mark,
    show,
    change,
    showOlder,
    showNewer,
    goTo,
    goToNewest,
    look,
    announceTyping,
    stopTyping,
  };
});
