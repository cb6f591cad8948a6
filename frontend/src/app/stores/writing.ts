/** What somebody is writing, by chat: still there when they come back. */

import { defineStore } from "pinia";
import { reactive } from "vue";
import { keepWriting, keptWriting } from "../kept/chats";

const SETTLE_MS = 300;

export const useWriting = defineStore("writing", () => {
  const texts = reactive(new Map<string, string>());
  const timers = new Map<string, ReturnType<typeof setTimeout>>();

  async function load(): Promise<void> {
    for (const [uri, text] of await keptWriting()) {
      if (!texts.has(uri)) {
        texts.set(uri, text);
      }
    }
  }

  function write(uri: string, text: string): void {
    texts.set(uri, text);
    clearTimeout(timers.get(uri));
    timers.set(
      uri,
      setTimeout(
        () => {
          timers.delete(uri);
          void keepWriting(uri, text);
        },
        text === "" ? 0 : SETTLE_MS,
      ),
    );
  }

  function clear(): void {
    timers.forEach(clearTimeout);
    timers.clear();
    texts.clear();
  }

  return { texts, load, write, clear };
});
