/** The messages that a page shows, and what each event makes of them. Applying an event twice changes nothing. */

import type { AnyEvent, Message, MessagePage } from "../wire";

/** How many messages stay on a page that is left open; older ones are a click away. */
export const MOST_SHOWN = 500;
/** How many are held; beyond that they are only counted, and read when they are asked for. */
export const MOST_HELD = 100;

export interface Timeline {
  /** Shown, by their numbers. */
  readonly messages: readonly Message[];
  /** Arrived while the reader was looking at something older; shown when they ask for them. */
  readonly held: readonly Message[];
  /** How many more have arrived than are held. */
  readonly dropped: number;
  readonly hasOlder: boolean;
  /** Whether it reaches to the newest message: else what is posted belongs on another page. */
  readonly reachesNewest: boolean;
}

export function begin(page: MessagePage): Timeline {
  return {
    messages: page.messages,
    held: [],
    dropped: 0,
    hasOlder: page.has_older,
    reachesNewest: !page.has_newer,
  };
}

/** How many messages have arrived that are not shown. */
export function waitingIn(timeline: Timeline): number {
  return timeline.held.length + timeline.dropped;
}

/** `atNewest`: whether the reader is where new messages appear, so that nothing moves away under their eyes. */
export function apply(timeline: Timeline, event: AnyEvent, atNewest: boolean): Timeline {
  switch (event.type) {
    case "message.posted":
      return atNewest ? show(timeline, event.message) : hold(timeline, event.message);
    case "message.edited":
      return change(timeline, event.number, (message) => {
        const isNews =
          message.deleted_at === null && (message.edited_at === null || message.edited_at < event.edited_at);
        return isNews
          ? { ...message, text: event.text, extras: event.extras, edited_at: event.edited_at }
          : message;
      });
    case "message.deleted":
      return change(timeline, event.number, (message) => ({
        ...message,
        text: "",
        extras: null,
        deleted_at: event.deleted_at,
        deleted_by: event.deleted_by,
      }));
    case "delivery.changed":
      return event.numbers.reduce(
        (changed, number) => change(changed, number, (message) => ({ ...message, delivery: event.state })),
        timeline,
      );
    case "contact.changed":
    case "member.joined":
    case "member.left":
    case "member.removed":
    case "member.promoted":
    case "chat.changed":
    case "chat.closed":
      return timeline;
  }
}

/** Shows a message at its place, wherever the reader is: for one's own. */
export function show(timeline: Timeline, message: Message): Timeline {
  const [first, last] = [timeline.messages[0], timeline.messages.at(-1)];
  if (first !== undefined && message.number < first.number && timeline.hasOlder) {
    return timeline; // It will come with the page of older messages that it is on.
  }
  if (!timeline.reachesNewest && (last === undefined || message.number > last.number)) {
    return keep(timeline, message);
  }
  return trim({ ...timeline, messages: insert(timeline.messages, message) });
}

function hold(timeline: Timeline, message: Message): Timeline {
  const last = timeline.messages.at(-1);
  const isNewest = last === undefined || message.number > last.number;
  return isNewest ? keep(timeline, message) : show(timeline, message);
}

function keep(timeline: Timeline, message: Message): Timeline {
  const held = insert(timeline.held, message);
  if (held.length <= MOST_HELD) {
    return { ...timeline, held };
  }
  return { ...timeline, held: [], dropped: timeline.dropped + held.length, reachesNewest: false };
}

/** Shows what was held. */
export function reveal(timeline: Timeline): Timeline {
  return timeline.held.reduce(show, { ...timeline, held: [], dropped: 0 });
}

/** Puts a page of older messages before the others. */
export function extend(timeline: Timeline, page: MessagePage): Timeline {
  const messages = page.messages.reduce(insert, timeline.messages);
  return { ...timeline, messages, hasOlder: page.has_older };
}

/** Puts a page of newer messages after the others. */
export function append(timeline: Timeline, page: MessagePage): Timeline {
  const messages = page.messages.reduce(insert, timeline.messages);
  if (!page.has_newer) {
    return reveal({ ...timeline, messages, dropped: 0, reachesNewest: true });
  }
  const last = messages.at(-1)?.number ?? 0;
  const held = timeline.held.filter(({ number }) => number > last);
  return { ...timeline, messages, held, dropped: Math.max(0, timeline.dropped - page.messages.length) };
}

/** Lets go of what is furthest from a reader of the oldest messages. */
export function trimNewest(timeline: Timeline, most: number): Timeline {
  if (timeline.messages.length <= most) {
    return timeline;
  }
  return { ...timeline, messages: timeline.messages.slice(0, most), reachesNewest: false };
}

/** Lets go of what is furthest from a reader of the newest messages. */
export function trimOldest(timeline: Timeline, most: number): Timeline {
  if (timeline.messages.length <= most) {
    return timeline;
  }
  return { ...timeline, messages: timeline.messages.slice(-most), hasOlder: true };
}

/** The message as it stands in the timeline, a newer version from an answer in its place. */
export function replace(timeline: Timeline, message: Message): Timeline {
  return change(timeline, message.number, () => message);
}

function insert(messages: readonly Message[], message: Message): readonly Message[] {
  let at = messages.length;
  for (let before = messages[at - 1]; before !== undefined; before = messages[at - 1]) {
    if (before.number === message.number) {
      return messages;
    }
    if (before.number < message.number) {
      break;
    }
    at -= 1;
  }
  return [...messages.slice(0, at), message, ...messages.slice(at)];
}

function change(timeline: Timeline, number: number, to: (message: Message) => Message): Timeline {
  const changed = (messages: readonly Message[]): readonly Message[] =>
    messages.map((message) => (message.number === number ? to(message) : message));
  return { ...timeline, messages: changed(timeline.messages), held: changed(timeline.held) };
}

function trim(timeline: Timeline): Timeline {
  return trimOldest(timeline, MOST_SHOWN);
}
