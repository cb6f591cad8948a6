/** Contacts' chats for the tests. */

import type { DeskChat } from "../app/desk";

type Facts = Partial<Omit<DeskChat, "contact">> & { contact?: Partial<DeskChat["contact"]> };

export function chatOf(uri: string, { contact, ...facts }: Facts = {}): DeskChat {
  return {
    uri,
    contact: {
      id: 1,
      platform: "telegram",
      account: "verses",
      name: uri,
      username: "",
      picture_url: "",
      language: "en",
      banned: false,
      unreachable: false,
      taken_by: null,
      linked_to: null,
      ...contact,
    },
    waiting_since: null,
    message_count: 0,
    last_message: null,
    active_at: "2026-03-01T10:00:00.000Z",
    position: { epoch: "a", seq: 1 },
    ...facts,
  };
}
