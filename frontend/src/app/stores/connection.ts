/** The live connection, as the windows' stores use it. */

import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";
import { type Link } from "../../live/link";
import type { LinkState } from "../../live/switchboard";

export const useConnection = defineStore("connection", () => {
  const state = ref<LinkState>("connecting");
  const hasBeenLive = ref(false);
  /** Why it is over, by the protocol's code; 0 while it is not. */
  const code = ref(0);
  const link = shallowRef<Link | null>(null);

  function become(next: LinkState, why: number): void {
    state.value = next;
    code.value = why;
    hasBeenLive.value ||= next === "connected";
  }

  function open(next: Link | null): void {
    link.value?.close();
    link.value = next;
    hasBeenLive.value = false;
    become("connecting", 0);
  }

  /** Raises `CallFailed`; also while there is no connection. */
  async function call(method: string, data: unknown): Promise<unknown> {
    if (link.value === null) {
      throw new Error("There is no connection.");
    }
    return link.value.call(method, data);
  }

  return { state, hasBeenLive, code, link, become, open, call };
});
