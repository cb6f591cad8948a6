/** Who is here, in the chats that are watched. */

import { defineStore } from "pinia";
import { shallowReactive } from "vue";
import type { Present } from "../../live/link";

export const usePresence = defineStore("presence", () => {
  /** By stream: the user of each connection. */
  const here = shallowReactive(new Map<string, ReadonlyMap<string, number>>());

  function become(uri: string, present: readonly Present[]): void {
    here.set(uri, new Map(present.map(({ client, userId }) => [client, userId])));
  }

  function change(uri: string, client: string, userId: number, isHere: boolean): void {
    const clients = new Map(here.get(uri));
    if (isHere) {
      clients.set(client, userId);
    } else {
      clients.delete(client);
    }
    here.set(uri, clients);
  }

  function isHere(uri: string, userId: number): boolean {
    return [...(here.get(uri)?.values() ?? [])].includes(userId);
  }

  /** Nothing is known of a chat that is not followed. */
  function forget(uri: string): void {
    here.delete(uri);
  }

  function clear(): void {
    here.clear();
  }

  return { here, become, change, isHere, forget, clear };
});
