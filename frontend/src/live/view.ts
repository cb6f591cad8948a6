/** The list of messages on the page, in the markup that Django renders it in. Whatever people wrote goes in as text. */

import type { Message, Person } from "../wire";
import { part } from "./dom";
import { extrasOf } from "./extras";
import type { Draft } from "./outbox";
import { localise } from "./times";

export interface Reader {
  readonly me: Person | null;
  readonly isOperator: boolean;
  readonly isWritable: boolean;
  readonly uri: string;
}

export class MessageList {
  private readonly list: HTMLElement;
  private readonly blank: HTMLElement;
  private readonly reader: Reader;
  private readonly isNewestFirst: boolean;
  private readonly shown = new Map<number, { item: HTMLElement; message: Message | null }>();
  private readonly drafts = new Map<string, HTMLElement>();

  constructor(list: HTMLElement, template: HTMLTemplateElement, reader: Reader) {
    this.list = list;
    this.blank = part(template.content, "li");
    this.reader = reader;
    this.isNewestFirst = list.dataset["log"] === "newest-first";
    for (const item of list.querySelectorAll<HTMLElement>("[data-number]")) {
      this.shown.set(Number(item.dataset["number"]), { item, message: null });
    }
  }

  /** Makes the list show these, touching only what has changed. */
  render(messages: readonly Message[], drafts: readonly Draft[]): void {
    const items = [
      ...messages.map((message) => this.itemOf(message)),
      ...drafts.map((draft) => this.itemOfDraft(draft)),
    ];
    messages.forEach((message, at) => {
      const follows = messages[at - 1]?.author.id === message.author.id;
      this.shown.get(message.number)?.item.classList.toggle("follows", follows);
    });
    this.place(this.isNewestFirst ? items.reverse() : items);
    this.forget(
      new Set(messages.map((message) => message.number)),
      new Set(drafts.map((draft) => draft.clientId)),
    );
  }

  private place(items: readonly HTMLElement[]): void {
    const wanted = new Set<Element>(items);
    for (const item of [...this.list.children]) {
      if (!wanted.has(item)) {
        item.remove();
      }
    }
    let next = this.list.firstElementChild;
    for (const item of items) {
      if (item === next) {
        next = next.nextElementSibling;
      } else {
        this.list.insertBefore(item, next);
      }
    }
  }

  private forget(numbers: ReadonlySet<number>, clientIds: ReadonlySet<string>): void {
    for (const number of this.shown.keys()) {
      if (!numbers.has(number)) {
        this.shown.delete(number);
      }
    }
    for (const clientId of this.drafts.keys()) {
      if (!clientIds.has(clientId)) {
        this.drafts.delete(clientId);
      }
    }
  }

  private itemOf(message: Message): HTMLElement {
    const known = this.shown.get(message.number);
    const item = known?.item ?? this.copy(message.number);
    if (known?.message !== message) {
      this.fill(item, message);
      this.shown.set(message.number, { item, message });
    }
    return item;
  }

  private copy(number: number): HTMLElement {
    const item = this.blank.cloneNode(true) as HTMLElement;
    item.id = `m${number}`;
    item.dataset["number"] = String(number);
    for (const link of item.querySelectorAll("a")) {
      link.href = link.getAttribute("href")?.replace("/0/", `/${number}/`) ?? "";
    }
    return item;
  }

  private fill(item: HTMLElement, message: Message): void {
    const { me, isOperator, isWritable } = this.reader;
    const isMine = message.author.id === me?.id;
    const isDeleted = message.deleted_at !== null;
    item.classList.toggle("mine", isMine);
    item.classList.toggle("deleted", isDeleted);
    this.name(item, message.author);
    part(item, "time", HTMLTimeElement).dateTime = message.created_at;
    localise(part(item, ".when"));
    part(item, ".edited").hidden = message.edited_at === null || isDeleted;
    part(item, ".text").textContent = isDeleted ? deletion(message) : message.text;
    item.querySelector("[data-extras]")?.remove();
    const extras = extrasOf(message, this.reader.uri, isWritable);
    if (extras !== null) {
      part(item, ".said").append(extras);
    }
    if (isDeleted || !(isMine && isWritable)) {
      item.querySelector("[data-edit]")?.remove();
    }
    if (isDeleted || !((isMine && isWritable) || isOperator)) {
      item.querySelector("[data-delete]")?.remove();
    }
  }

  private name(item: HTMLElement, author: Person): void {
    part(item, ".author").textContent = author.username;
    part(item, ".avatar").textContent = (Array.from(author.username)[0] ?? "").toUpperCase();
  }

  private itemOfDraft(draft: Draft): HTMLElement {
    const item = this.drafts.get(draft.clientId) ?? this.copyForDraft(draft);
    item.classList.toggle("refused", draft.refusal !== null);
    const state = part(item, "[data-draft-state]");
    state.textContent = draft.refusal ?? (draft.isWaiting ? "Not sent yet" : "Sending");
    for (const button of item.querySelectorAll("button")) {
      button.hidden = draft.refusal === null;
    }
    return item;
  }

  private copyForDraft(draft: Draft): HTMLElement {
    const item = this.copy(0);
    item.removeAttribute("id");
    delete item.dataset["number"];
    item.dataset["draft"] = draft.clientId;
    item.classList.add("mine", "draft");
    if (this.reader.me !== null) {
      this.name(item, this.reader.me);
    }
    part(item, ".text").textContent = draft.text;
    const state = document.createElement("span");
    state.dataset["draftState"] = "";
    part(item, ".meta").replaceChildren(
      part(item, ".author"),
      state,
      button("Try again", "retry"),
      button("Discard", "discard"),
    );
    this.drafts.set(draft.clientId, item);
    return item;
  }
}

function deletion(message: Message): string {
  return message.deleted_by === message.author.id ? "Deleted by its author." : "Deleted by an operator.";
}

function button(text: string, action: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "tool";
  made.dataset["action"] = action;
  made.textContent = text;
  return made;
}
