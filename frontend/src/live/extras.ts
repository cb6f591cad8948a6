/** What a bot's message shows below its text, in the markup of `_extras.html`, and the pressing of it. */

import type { Button, Message } from "../wire";
import { Refusal } from "./rest";

/** The extras of a message, or null: it has none. */
export function extrasOf(message: Message, uri: string, isWritable: boolean): HTMLElement | null {
  const { extras } = message;
  if (extras === null || message.deleted_at !== null) {
    return null;
  }
  const form = element("form", "extras") as HTMLFormElement;
  form.dataset["extras"] = String(message.number);
  form.method = "post";
  form.action = `/messages/${uri}/${message.number}/press/`;
  switch (extras.kind) {
    case "text":
      form.append(...extras.buttons.map((row) => rowOf(row, isWritable)));
      break;
    case "quick_replies":
      form.append(
        rowOf(
          extras.replies.map((reply) => ({ ...reply, url: null })),
          isWritable,
        ),
      );
      break;
    case "cards":
      for (const card of extras.cards) {
        const box = element("div", "bot-card");
        box.append(element("strong", "", card.title), element("span", "", card.subtitle));
        box.append(...linkTo(card.image, "Picture"), rowOf(card.buttons, isWritable));
        form.append(box);
      }
      break;
    case "image":
      form.append(...linkTo(extras.url, "Picture"));
      break;
    case "file":
      form.append(
        ...linkTo(
          extras.kept ? `/api/chats/${uri}/messages/${message.number}/document/` : extras.url,
          extras.name,
        ),
      );
      break;
    case "location_request":
      return null;
  }
  return form;
}

function rowOf(buttons: readonly Button[], isWritable: boolean): HTMLElement {
  const row = element("p", "row");
  for (const { title, press, url } of buttons) {
    if (press === null) {
      row.append(...linkTo(url, title));
    } else if (isWritable) {
      const button = element("button", "button quiet", title) as HTMLButtonElement;
      button.name = "press";
      button.value = press;
      row.append(button);
    }
  }
  return row;
}

function linkTo(url: string | null, text: string): HTMLElement[] {
  if (url === null) {
    return [];
  }
  const link = element("a", "button quiet", text) as HTMLAnchorElement;
  link.href = url;
  link.rel = "noopener noreferrer nofollow";
  return [link];
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export interface Pressing {
  press(number: number, what: string, key: string): Promise<void>;
  refused(reason: string): void;
}

/** Presses without leaving the page. One press of a button is one key, however often it has to be sent. */
export function pressButtons(list: HTMLElement, pressing: Pressing): void {
  list.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    if (
      !(form instanceof HTMLFormElement && button instanceof HTMLButtonElement) ||
      !form.dataset["extras"]
    ) {
      return;
    }
    event.preventDefault();
    button.disabled = true;
    pressing
      .press(Number(form.dataset["extras"]), button.value, crypto.randomUUID())
      .catch((error: unknown) => {
        pressing.refused(error instanceof Refusal ? error.message : "The server cannot be reached.");
      })
      .finally(() => {
        button.disabled = false;
      });
  });
}
