/** Who is here, in the chats that are watched. */

import { defineStore } from "pinia";
import { shallowReactive } from "vue";
import type { Present } from "../../live/link";

type Change = [client: string, userId: number, isHere: boolean];

export const usePresence = defineStore("presence", () => {
  /** By stream: the user of each connection. */
  const here = shallowReactive(new Map<string, ReadonlyMap<string, number>>());

  /** Of questions that are not answered yet: what has changed since they were asked. */
  const questions = new Set<{ uri: string; since: Change[] }>();

  /** Takes the answer, which may be older than what was heard while it was on its way. */
  async function ask(uri: string, answer: Promise<readonly Present[]>): Promise<void> {
    const question = { uri, since: [] as Change[] };
    questions.add(question);
    try {
      const present = await answer;
      here.set(uri, new Map(present.map(({ client, userId }) => [client, userId])));
      for (const [client, userId, isHere] of question.since) {
        apply(uri, client, userId, isHere);
      }
    } catch {
      forget(uri); // Nobody knows: said so by saying nothing.
    } finally {
      questions.delete(question);
    }
  }

  function change(uri: string, client: string, userId: number, isHere: boolean): void {
    for (const question of questions) {
      if (question.uri === uri) {
        question.since.push([client, userId, isHere]);
      }
    }
    apply(uri, client, userId, isHere);
  }

  function apply(uri: string, client: string, userId: number, isHere: boolean): void {
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

  return { here, ask, change, isHere, forget, clear };
});
