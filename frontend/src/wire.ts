/** What the server sends, generated from its catalogue: `python manage.py wire_types > frontend/src/wire.ts` */

export interface Button {
  title: string;
  press: string | null;
  url: string | null;
}

export interface Card {
  title: string;
  subtitle: string;
  image: string | null;
  buttons: Button[];
}

export interface Cards {
  kind: "cards";
  text: string;
  cards: Card[];
}

export interface ChatChanged {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "chat.changed";
  name: string;
  link_open: boolean;
  by: number;
}

export interface ChatClosed {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "chat.closed";
  by: number;
  closed_at: string;
}

export interface ChatsDoorbell {
  type: "chats.changed";
  list_version: number;
}

export interface Contact {
  id: number;
  platform: string;
  account: string;
  name: string;
  username: string;
  picture_url: string;
  language: string;
  banned: boolean;
  unreachable: boolean;
  taken_by: Person | null;
  linked_to: Person | null;
}

export interface ContactChanged {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "contact.changed";
  contact: Contact;
}

export interface DeliveryChanged {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "delivery.changed";
  numbers: number[];
  state: "waiting" | "sent" | "delivered" | "read" | "failed" | "skipped";
  reason: string;
}

export interface DeskDoorbell {
  type: "desk.changed";
  chat: string;
}

export interface File {
  text: string;
  url: string | null;
  file_id: string | null;
  kind: "file";
  name: string;
  kept: boolean;
}

export interface Image {
  text: string;
  url: string | null;
  file_id: string | null;
  kind: "image";
}

export interface LocationRequest {
  kind: "location_request";
  text: string;
  title: string;
}

export interface MemberJoined {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "member.joined";
  user: Person;
  role: "owner" | "member";
  by: number;
}

export interface MemberLeft {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "member.left";
  user: Person;
}

export interface MemberPromoted {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "member.promoted";
  user: Person;
}

export interface MemberRemoved {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "member.removed";
  user: Person;
  by: number;
}

export interface Message {
  id: number;
  number: number;
  seq: number;
  author: Person;
  text: string;
  extras: Text | QuickReplies | Image | File | Cards | LocationRequest | null;
  created_at: string;
  edited_at: string | null;
  deleted_at: string | null;
  deleted_by: number | null;
  client_id: string | null;
  delivery: "waiting" | "sent" | "delivered" | "read" | "failed" | "skipped" | null;
}

export interface MessageDeleted {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "message.deleted";
  message_id: number;
  number: number;
  deleted_at: string;
  deleted_by: number;
}

export interface MessageEdited {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "message.edited";
  message_id: number;
  number: number;
  text: string;
  extras: Text | QuickReplies | Image | File | Cards | LocationRequest | null;
  edited_at: string;
}

export interface MessagePage {
  messages: Message[];
  position: Position;
  has_older: boolean;
  has_newer: boolean;
}

export interface MessagePosted {
  chat: string;
  seq: number;
  at: string;
  ends: number[];
  type: "message.posted";
  message: Message;
}

export interface Person {
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  is_bot: boolean;
  is_contact: boolean;
  deleted: boolean;
}

export interface Position {
  epoch: string;
  seq: number;
}

export interface QuickReplies {
  kind: "quick_replies";
  text: string;
  replies: QuickReply[];
}

export interface QuickReply {
  title: string;
  press: string;
}

export interface ReadDoorbell {
  type: "read";
  chat: string;
  marks: Record<string, number>;
}

export interface Text {
  kind: "text";
  text: string;
  buttons: Button[][];
}

export interface TypingDoorbell {
  type: "typing";
  chat: string;
  user_id: number;
  username: string;
}

export type AnyEvent =
  | MessagePosted
  | MessageEdited
  | MessageDeleted
  | MemberJoined
  | MemberLeft
  | MemberRemoved
  | MemberPromoted
  | ChatChanged
  | ChatClosed
  | DeliveryChanged
  | ContactChanged;

export type AnyDoorbell = TypingDoorbell | ReadDoorbell | ChatsDoorbell | DeskDoorbell;

/** What an event leaves out is this: see `live/complete.ts`. */
export const LEFT_OUT = {
  "message.posted": {
    ends: [],
    message: {
      extras: null,
      edited_at: null,
      deleted_at: null,
      deleted_by: null,
      client_id: null,
      delivery: null,
      author: {
        email: "",
        first_name: "",
        last_name: "",
        is_bot: false,
        is_contact: false,
        deleted: false,
      },
    },
  },
  "message.edited": {
    ends: [],
    extras: null,
  },
  "message.deleted": {
    ends: [],
  },
  "member.joined": {
    ends: [],
    user: {
      email: "",
      first_name: "",
      last_name: "",
      is_bot: false,
      is_contact: false,
      deleted: false,
    },
  },
  "member.left": {
    ends: [],
    user: {
      email: "",
      first_name: "",
      last_name: "",
      is_bot: false,
      is_contact: false,
      deleted: false,
    },
  },
  "member.removed": {
    ends: [],
    user: {
      email: "",
      first_name: "",
      last_name: "",
      is_bot: false,
      is_contact: false,
      deleted: false,
    },
  },
  "member.promoted": {
    ends: [],
    user: {
      email: "",
      first_name: "",
      last_name: "",
      is_bot: false,
      is_contact: false,
      deleted: false,
    },
  },
  "chat.changed": {
    ends: [],
  },
  "chat.closed": {
    ends: [],
  },
  "delivery.changed": {
    ends: [],
    reason: "",
  },
  "contact.changed": {
    ends: [],
    contact: {
      taken_by: {
        email: "",
        first_name: "",
        last_name: "",
        is_bot: false,
        is_contact: false,
        deleted: false,
      },
      linked_to: {
        email: "",
        first_name: "",
        last_name: "",
        is_bot: false,
        is_contact: false,
        deleted: false,
      },
    },
  },
};
