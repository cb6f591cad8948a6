/** Messages and events for tests: what alice and bob say. */

import type { Message, MessageDeleted, MessageEdited, MessagePage, MessagePosted, Person } from "../wire";

export function person(id: number, username: string): Person {
  return {
    id,
    username,
    email: "",
    first_name: "",
    last_name: "",
    is_bot: false,
    is_contact: false,
    deleted: false,
  };
}

export const alice = person(1, "alice");
export const bob = person(2, "bob");

export function message(number: number, fields: Partial<Message> = {}): Message {
  return {
    id: 1000 + number,
    number,
    seq: number,
    author: alice,
    text: `message ${number}`,
    extras: null,
    created_at: "2026-01-31T12:00:00.000Z",
    edited_at: null,
    deleted_at: null,
    deleted_by: null,
    client_id: null,
    delivery: null,
    ...fields,
  };
}

export function page(from: number, to: number, fields: Partial<MessagePage> = {}): MessagePage {
  const messages = Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
  const position = { epoch: "e", seq: to };
  return { messages, position, has_older: from > 1, has_newer: false, ...fields };
}

const happened = { chat: "feed", seq: 99, at: "2026-01-31T12:00:00.000Z", ends: [] };

export function posted(number: number, fields: Partial<Message> = {}): MessagePosted {
  return { ...happened, type: "message.posted", message: message(number, fields) };
}

export function edited(number: number, text: string, edited_at: string): MessageEdited {
  return {
    ...happened,
    type: "message.edited",
    message_id: 1000 + number,
    number,
    text,
    extras: null,
    edited_at,
  };
}

export function deleted(number: number): MessageDeleted {
  const deleted_at = "2026-01-31T13:00:00.000Z";
  return {
    ...happened,
    type: "message.deleted",
    message_id: 1000 + number,
    number,
    deleted_at,
    deleted_by: 1,
  };
}
