/** Who is writing, by chat. */

import { defineStore } from "pinia";
import { shallowReactive } from "vue";
import { Typing } from "../../live/typing";
import type { TypingDoorbell } from "../../wire";
import { useSession } from "./session";

export const useTyping = defineStore("typing", () => {
  const names = shallowReactive(new Map<string, readonly string[]>());
  const chats = new Map<string, Typing>();
  const session = useSession();

  function apply({ chat, user_id, username }: TypingDoorbell): void {
    if (user_id === session.user?.id) {
      return;
    }
    let typing = chats.get(chat);
    if (typing === undefined) {
      typing = new Typing((writers) => {
        if (writers.length > 0) {
          names.set(chat, writers);
        } else {
          names.delete(chat);
        }
      });
      chats.set(chat, typing);
    }
    typing.start(user_id, username);
  }

  function stop(uri: string, userId: number): void {
    chats.get(uri)?.stop(userId);
  }

  return { names, apply, stop };
});
