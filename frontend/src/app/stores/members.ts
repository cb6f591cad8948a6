/** The members of the chat that is open, page by page. */

import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";
import type { AnyEvent, Position } from "../../wire";
import { answerOf, api, type MemberShape } from "../api/client";

export const useMembers = defineStore("members", () => {
  const uri = ref("");
  const list = shallowRef<readonly MemberShape[]>([]);
  const next = ref<number | null>(null);
  const isLoaded = ref(false);
  const hasFailed = ref(false);
  let position: Position | null = null;

  async function load(chat: string): Promise<void> {
    if (uri.value !== chat) {
      uri.value = chat;
      list.value = [];
      next.value = null;
      isLoaded.value = false;
    }
    await read(chat, null);
  }

  async function loadMore(): Promise<void> {
    await read(uri.value, next.value);
  }

  async function read(chat: string, after: number | null): Promise<void> {
    hasFailed.value = false;
    try {
      const query = after === null ? {} : { after };
      const page = await answerOf(
        api.GET("/api/chats/{uri}/members/", { params: { path: { uri: chat }, query } }),
      );
      if (uri.value === chat) {
        list.value = after === null ? page.members : [...list.value, ...page.members];
        next.value = page.next;
        position = page.position;
        isLoaded.value = true;
      }
    } catch {
      hasFailed.value = uri.value === chat;
    }
  }

  function apply(event: AnyEvent): void {
    if (event.chat !== uri.value || position === null || event.seq <= position.seq) {
      return;
    }
    position = { ...position, seq: event.seq };
    switch (event.type) {
      case "member.joined":
        if (next.value === null) {
          const { user, role } = event;
          list.value = [...without(user.id), { user, role, read_number: 0 }];
        }
        return;
      case "member.left":
      case "member.removed":
        list.value = without(event.user.id);
        return;
      case "member.promoted":
        list.value = list.value.map((member) =>
          member.user.id === event.user.id ? { ...member, role: "owner" } : member,
        );
        return;
      case "message.posted":
      case "message.edited":
      case "message.deleted":
      case "chat.changed":
      case "chat.closed":
      case "delivery.changed":
      case "contact.changed":
        return;
    }
  }

  function without(userId: number): MemberShape[] {
    return list.value.filter(({ user }) => user.id !== userId);
  }

  return { uri, list, next, isLoaded, hasFailed, load, loadMore, apply };
});
