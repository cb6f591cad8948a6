/** What is written and not posted yet, in all chats: sent in order, one at a time per chat, from whatever window. */

import { defineStore } from "pinia";
import { computed, shallowReactive } from "vue";
import { type Answer, type Draft, newClientId, Outbox } from "../../live/outbox";
import type { Message } from "../../wire";
import { answerOf, api, Refusal } from "../api/client";
import { chatsWithDrafts, shelfFor } from "../kept/drafts";
import { explain } from "../problems";
import { useSession } from "./session";

const LATER_MS = 3_000;

export const useOutbox = defineStore("outbox", () => {
  const drafts = shallowReactive(new Map<string, readonly Draft[]>());
  const boxes = new Map<string, Outbox>();
  const session = useSession();
  let posted: (uri: string, message: Message) => void = () => undefined;
  let others: BroadcastChannel | null = null;

  const waiting = computed(() => {
    const all = [...drafts.values()].flat();
    return all.filter(({ refusal }) => refusal === null).length;
  });
  const count = computed(() => [...drafts.values()].flat().length);

  /** `shown` gets each message once it is posted. */
  async function load(shown: (uri: string, message: Message) => void): Promise<void> {
    posted = shown;
    const user = session.user;
    if (user === null) {
      return;
    }
    others = new BroadcastChannel(`parley outbox ${String(user.id)}`);
    others.onmessage = ({ data }: MessageEvent<string>) => {
      void boxFor(data).restore();
    };
    for (const uri of await chatsWithDrafts()) {
      void boxFor(uri).flush();
    }
  }

  function boxFor(uri: string): Outbox {
    const known = boxes.get(uri);
    if (known !== undefined) {
      return known;
    }
    const box = new Outbox({
      send: (draft) => send(uri, draft),
      posted: (message) => {
        posted(uri, message);
        // Told when it is off the shelf.
        setTimeout(() => {
          tellOthers(uri);
        }, 0);
      },
      changed: () => {
        drafts.set(uri, box.all);
      },
      shelf: shelfFor(uri),
      ...("locks" in navigator ? { turn: (act) => turn(uri, act) } : {}),
    });
    boxes.set(uri, box);
    return box;
  }

  async function turn(uri: string, act: () => Promise<void>): Promise<void> {
    await navigator.locks.request(`parley outbox ${String(session.user?.id ?? 0)} ${uri}`, act);
  }

  async function send(uri: string, draft: Draft): Promise<Answer> {
    if (session.user === null) {
      return { kind: "later", afterMs: LATER_MS };
    }
    try {
      const message = await answerOf(
        api.POST("/api/chats/{uri}/messages/", {
          params: { path: { uri } },
          body: { text: draft.text, client_id: draft.clientId },
        }),
      );
      return { kind: "posted", message };
    } catch (problem) {
      const refusal = problem instanceof Refusal ? problem : new Refusal(0);
      // Without a right to ask there is no answer yet: whoever signs in again sends it.
      return refusal.isForNow || refusal.status === 401
        ? { kind: "later", afterMs: Math.max(LATER_MS, refusal.retryAfterS * 1000) }
        : { kind: "refused", reason: explain(refusal) };
    }
  }

  function tellOthers(uri: string): void {
    others?.postMessage(uri);
  }

  async function post(uri: string, text: string): Promise<void> {
    await boxFor(uri).add(newClientId(), text);
    tellOthers(uri);
  }

  async function retry(uri: string, clientId: string): Promise<void> {
    await boxFor(uri).retry(clientId);
    tellOthers(uri);
  }

  async function discard(uri: string, clientId: string): Promise<void> {
    await boxFor(uri).discard(clientId);
    tellOthers(uri);
  }

  function confirm(uri: string, clientId: string): void {
    boxes.get(uri)?.confirm(clientId);
  }

  /** The connection is back. */
  function flush(): void {
    for (const box of boxes.values()) {
      void box.flush();
    }
  }

  function clear(): void {
    others?.close();
    others = null;
    boxes.clear();
    drafts.clear();
  }

  return { drafts, waiting, count, load, post, retry, discard, confirm, flush, clear };
});
