/** Keeps the page of a chat live: the feed, a thread or a room. */

import { State, SubscriptionState } from "centrifuge";
import { Announcer } from "../live/announcer";
import { complete } from "../live/complete";
import { lookAfter } from "../live/composer";
import { openDialogs } from "../live/dialogs";
import { dataOf, part } from "../live/dom";
import { edgeOf } from "../live/edge";
import { pressButtons } from "../live/extras";
import { Fragments } from "../live/fragments";
import { Outbox, windowShelf } from "../live/outbox";
import { post, press, readPage, Refusal } from "../live/rest";
import { type Marks, marksOf, raise, seenBy, seenText } from "../live/seen";
import { connection, followOwn } from "../live/socket";
import { badgeOf } from "../live/status";
import { apply, begin, extend, replace, reveal, show, type Timeline, waitingIn } from "../live/timeline";
import { Typing, typingText } from "../live/typing";
import { MessageList } from "../live/view";
import type { AnyEvent, Message, MessagePage, Person } from "../wire";

interface PageData {
  uri: string;
  kind: "feed" | "room" | "thread";
  address: string;
  me: Person | null;
  operator: boolean;
  writable: boolean;
  page: MessagePage;
  marks: Record<string, number>;
}

const READ_AFTER_MS = 400;
const TRY_AGAIN_MS = 2_000;

const data = dataOf("live") as PageData;
const { uri, me } = data;
const root = part(document, "[data-chat]");
const list = part(root, "[data-log]");
const composer = root.querySelector<HTMLFormElement>("[data-composer]");

// --- What the page shows -------------------------------------------------------------------------------------

let timeline: Timeline = begin(data.page);
let marks: Marks = marksOf(data.marks);
const view = new MessageList(list, part(document, "template[data-message-template]", HTMLTemplateElement), {
  me,
  isOperator: data.operator,
  isWritable: data.writable,
  uri,
});
const edge = edgeOf(root.querySelector("[data-scroll]"), () => {
  if (waitingIn(timeline) > 0 && timeline.reachesNewest && edge.isNear()) {
    revealHeld();
  }
  markReadSoon();
});
const outbox = new Outbox({
  send: (draft) => post(uri, draft),
  posted: (message) => {
    timeline = show(timeline, message);
    renderSoon();
  },
  changed: () => {
    renderSoon();
  },
  shelf: windowShelf(sessionStorage, `drafts:${me?.id ?? 0}:${uri}`),
});

let isRenderDue = false;

function renderSoon(): void {
  if (!isRenderDue) {
    isRenderDue = true;
    // A hidden page has no animation frames.
    (document.hidden ? setTimeout : requestAnimationFrame)(render);
  }
}

function render(): void {
  isRenderDue = false;
  const posted = new Set(timeline.messages.map((message) => message.client_id));
  view.render(
    timeline.messages,
    outbox.all.filter((draft) => !posted.has(draft.clientId)),
  );
  part(root, "[data-empty]").hidden = list.childElementCount > 0;
  part(root, "[data-older-row]").hidden = !timeline.hasOlder;
  const waiting = part(root, "[data-waiting]");
  waiting.hidden = waitingIn(timeline) === 0;
  part(waiting, "button").textContent = `${waitingIn(timeline)} new`;
  renderSeen();
  markReadSoon();
}

function renderSeen(): void {
  const element = root.querySelector<HTMLElement>("[data-seen]");
  if (element !== null && me !== null) {
    const isUpToDate = timeline.reachesNewest && outbox.all.length === 0;
    const count = isUpToDate ? seenBy(marks, me.id, timeline.messages) : 0;
    element.hidden = count === 0;
    element.textContent = seenText(count, data.kind === "thread");
  }
}

function revealHeld(): void {
  if (!timeline.reachesNewest) {
    window.location.assign(data.address);
    return;
  }
  timeline = reveal(timeline);
  renderSoon();
}

part(root, "[data-waiting] button").addEventListener("click", () => {
  revealHeld();
  edge.goThere();
});

part(root, "[data-older]").addEventListener("click", (event) => {
  event.preventDefault();
  void showOlder();
});

async function showOlder(): Promise<void> {
  const first = timeline.messages[0];
  if (first === undefined) {
    return;
  }
  try {
    timeline = extend(timeline, await readPage(uri, { before: first.number }));
    renderSoon();
  } catch (error) {
    tell(error instanceof Refusal ? error.message : "The server cannot be reached. Try again in a moment.");
  }
}

// --- What comes in -------------------------------------------------------------------------------------------

const centrifuge = connection();
const subscription = centrifuge.newSubscription(`chat.${uri}`, {
  since: { epoch: data.page.position.epoch, offset: data.page.position.seq },
});
const fragments = new Fragments();
const announcer = new Announcer(part(document, "[data-announcer]"));
const typing = new Typing((names) => {
  part(root, "[data-typing]").textContent = typingText(names);
});
/** Events that come while the page is being read afresh: applied to what was read. Null: it isn't. */
let early: AnyEvent[] | null = null;
let hasBeenLive = false;
const unreadTitle = document.title;
let unseen = 0;

function take(event: AnyEvent): void {
  if (early !== null) {
    early.push(event);
    return;
  }
  timeline = apply(timeline, event, edge.isNear());
  if (event.type === "message.posted") {
    arrived(event.message);
  }
  renderSoon();
}

function arrived(message: Message): void {
  typing.stop(message.author.id);
  if (message.author.id === me?.id) {
    outbox.confirm(message.client_id ?? "");
    return;
  }
  announcer.announce(message.author.username);
  if (document.hidden) {
    unseen += 1;
    document.title = `(${unseen}) ${unreadTitle}`;
  }
}

subscription.on("publication", ({ data: what }) => {
  const arrival = complete(what);
  switch (arrival.type) {
    case "message.posted":
    case "message.edited":
    case "message.deleted":
    case "delivery.changed":
      take(arrival);
      return;
    case "member.joined":
    case "member.left":
    case "member.removed":
    case "member.promoted":
    case "chat.changed":
      fragments.renew("name", "count", "members");
      return;
    case "chat.closed":
      fragments.renew("actions", "foot");
      return;
    case "typing":
      if (arrival.user_id !== me?.id) {
        typing.start(arrival.user_id, arrival.username);
      }
      return;
    case "read":
      marks = raise(marks, marksOf(arrival.marks));
      renderSeen();
      return;
    case "chats.changed":
    case "contact.changed":
    case "desk.changed":
      return;
  }
});

subscription.on("subscribed", ({ recovered, data: reply }) => {
  const { read_marks } = (reply ?? {}) as { read_marks?: Record<string, number> };
  marks = raise(marks, marksOf(read_marks ?? {}));
  if (!recovered) {
    void startOver();
  }
  renderSeen();
  void outbox.flush();
  markReadSoon();
});

/** Not all that was missed could be had event by event: reads the page afresh, and goes on from there. */
async function startOver(): Promise<void> {
  if (early !== null) {
    return;
  }
  early = [];
  showBadge();
  const first = timeline.messages[0];
  const bounds = timeline.reachesNewest || first === undefined ? {} : { after: first.number - 1 };
  for (;;) {
    try {
      timeline = begin(await readPage(uri, bounds));
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
  const missed = early;
  early = null;
  missed.forEach(take);
  fragments.renew("name", "count", "members", "actions", "foot");
  renderSoon();
  showBadge();
}

// --- Whether it is live --------------------------------------------------------------------------------------

const badge = part(root, "[data-badge]");

function showBadge(): void {
  const { state, text } = badgeOf({
    client: centrifuge.state,
    subscription: subscription.state,
    isStartingOver: early !== null,
    hasBeenLive,
  });
  hasBeenLive ||= state === "live";
  badge.dataset["badge"] = state;
  part(badge, "[data-badge-text]").textContent = text;
  badge.hidden = false;
}

centrifuge.on("state", showBadge);
subscription.on("state", showBadge);
centrifuge.on("connected", ({ data: reply }) => {
  // Whoever has signed in or out in another window is somebody else now.
  const { user_id = null } = (reply ?? {}) as { user_id?: number | null };
  if (user_id !== (me?.id ?? null)) {
    centrifuge.disconnect();
  }
});
centrifuge.on("disconnected", () => {
  end("You have signed in or out since this page was loaded.");
});
subscription.on("unsubscribed", () => {
  if (centrifuge.state !== State.Disconnected) {
    end("You are not in this chat any more.");
  }
});

function end(sentence: string): void {
  const link = document.createElement("a");
  link.href = data.address;
  link.textContent = "Reload it";
  tell(`${sentence} `, link);
}

function tell(...what: (string | Node)[]): void {
  const notice = document.createElement("p");
  notice.className = "notice warning";
  notice.append(...what);
  part(document, "[data-notices]").replaceChildren(notice);
}

function isFollowing(): boolean {
  return subscription.state === SubscriptionState.Subscribed;
}

// --- What others learn of the reader ---------------------------------------------------------------------------

let readNumber = 0;
let readTimer: ReturnType<typeof setTimeout> | undefined;

function markReadSoon(): void {
  clearTimeout(readTimer);
  readTimer = setTimeout(() => void markRead(), READ_AFTER_MS);
}

async function markRead(): Promise<void> {
  const last = timeline.messages.at(-1);
  const isSeen = me !== null && !document.hidden && timeline.reachesNewest && edge.isNear();
  if (!isSeen || last === undefined || last.number <= readNumber || !isFollowing()) {
    return;
  }
  const before = readNumber;
  readNumber = last.number;
  try {
    await centrifuge.rpc("chat.read", { chat: uri, number: last.number });
  } catch {
    readNumber = before; // Told again when the connection is back.
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    unseen = 0;
    document.title = unreadTitle;
    renderSoon();
  }
});

// --- What the reader does ------------------------------------------------------------------------------------

if (composer !== null) {
  lookAfter(composer, {
    postsOnEnter: data.kind !== "feed",
    post: (clientId, text) => {
      void outbox.add(clientId, text);
      edge.goThere();
    },
    typing: () => {
      if (data.kind !== "feed" && isFollowing()) {
        void centrifuge.rpc("chat.typing", { chat: uri }).catch(() => undefined);
      }
    },
  });
}

list.addEventListener("click", (event) => {
  const pressed = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-action]") : null;
  const clientId = pressed?.closest<HTMLElement>("[data-draft]")?.dataset["draft"];
  if (clientId !== undefined) {
    if (pressed?.dataset["action"] === "retry") {
      void outbox.retry(clientId);
    } else {
      void outbox.discard(clientId);
    }
  }
});

pressButtons(list, {
  press: (number, what, key) => press(uri, number, what, key),
  refused: (reason) => {
    tell(reason);
  },
});

openDialogs(list, {
  uri,
  textOf: (number) => timeline.messages.find((message) => message.number === number)?.text ?? "",
  changed: (message) => {
    timeline = replace(timeline, message);
    renderSoon();
  },
});

if (me !== null) {
  followOwn(centrifuge, me.id, () => undefined);
}
renderSoon();
void outbox.flush();
subscription.subscribe();
centrifuge.connect();
