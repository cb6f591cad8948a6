/** Which page of the open chat's messages is shown, and how others are put before, after and in the place of it. */

import type { Ref } from "vue";
import { append, extend, reveal, type Timeline, trimNewest, trimOldest } from "../../live/timeline";
import type { MessagePage } from "../../wire";
import { answerOf, api } from "../api/client";

/** How many messages the page has at most, whatever way one scrolls. */
export const MOST_ON_PAGE = 150;
const PAGE_LENGTH = 50;

export interface Bounds {
  before?: number;
  after?: number;
  around?: number;
}

/** What the parts of the open chat know together. */
export interface Opened {
  readonly uri: Ref<string>;
  readonly timeline: Ref<Timeline | null>;
  /** A message to bring into view, once; a new object each time. */
  readonly target: Ref<{ number: number; isMarked: boolean } | null>;
  readonly isPaging: Ref<boolean>;
  isReady: () => boolean;
  /** A page is being read that will take the place of everything. */
  isReading: boolean;
  isAtNewest: boolean;
  /** Counts the openings: what is still under way for another chat changes nothing any more. */
  opening: number;
}

interface Pages {
  showOlder: () => Promise<void>;
  showNewer: () => Promise<void>;
  goTo: (number: number, isMarked?: boolean) => Promise<void>;
  goToNewest: () => Promise<void>;
}

export async function pageOf(uri: string, bounds: Bounds): Promise<MessagePage> {
  return answerOf(
    api.GET("/api/chats/{uri}/messages/", {
      params: { path: { uri }, query: { ...bounds, limit: PAGE_LENGTH } },
    }),
  );
}

/** `become` takes a page for the place of everything; `catchUp` ends a reading and applies what came meanwhile. */
export function pagesOf(opened: Opened, become: (page: MessagePage) => void, catchUp: () => void): Pages {
  const { uri, timeline, target, isPaging } = opened;

  async function page(
    make: (now: Timeline) => Bounds | null,
    put: (now: Timeline, page: MessagePage) => Timeline,
  ): Promise<void> {
    const turn = opened.opening;
    const bounds =
      timeline.value === null || isPaging.value || opened.isReading ? null : make(timeline.value);
    if (bounds === null || !opened.isReady()) {
      return;
    }
    isPaging.value = true;
    try {
      const more = await pageOf(uri.value, bounds);
      const now = timeline.value;
      if (turn === opened.opening && now !== null) {
        timeline.value = put(now, more);
      }
    } catch {
      // Scrolling on asks again.
    } finally {
      if (turn === opened.opening) {
        isPaging.value = false;
      }
    }
  }

  async function showOlder(): Promise<void> {
    await page(
      ({ messages, hasOlder }) =>
        hasOlder && messages[0] !== undefined ? { before: messages[0].number } : null,
      (now, more) => {
        const longer = extend(now, more);
        opened.isAtNewest &&= longer.messages.length <= MOST_ON_PAGE;
        return trimNewest(longer, MOST_ON_PAGE);
      },
    );
  }

  async function showNewer(): Promise<void> {
    await page(
      ({ messages, reachesNewest }) => {
        const last = messages.at(-1);
        return !reachesNewest && last !== undefined ? { after: last.number } : null;
      },
      (now, more) => trimOldest(append(now, more), MOST_ON_PAGE),
    );
  }

  /** Brings a message into view, from wherever it is. */
  async function goTo(number: number, isMarked = true): Promise<void> {
    const isHere = timeline.value?.messages.some((message) => message.number === number) ?? false;
    if (!isHere) {
      await jump({ around: number });
    }
    target.value = { number, isMarked };
  }

  /** Shows the newest messages: those that wait, or if there are more between, a fresh page. */
  async function goToNewest(): Promise<void> {
    if (timeline.value?.reachesNewest === true) {
      timeline.value = trimOldest(reveal(timeline.value), MOST_ON_PAGE);
      opened.isAtNewest = true;
    } else {
      await jump({});
    }
  }

  async function jump(bounds: Bounds): Promise<void> {
    const turn = opened.opening;
    opened.isReading = true;
    try {
      const fresh = await pageOf(uri.value, bounds);
      if (turn === opened.opening) {
        become(fresh);
      }
    } finally {
      if (turn === opened.opening) {
        catchUp();
      }
    }
  }

  return { showOlder, showNewer, goTo, goToNewest };
}
