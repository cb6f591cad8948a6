/** Editing and deleting a message in a dialog; the links lead to pages that do the same. */

import type { Message } from "../wire";
import { part } from "./dom";
import { edit, Refusal, remove } from "./rest";

export interface DialogOptions {
  uri: string;
  textOf: (number: number) => string;
  changed: (message: Message) => void;
}

export function openDialogs(list: HTMLElement, { uri, textOf, changed }: DialogOptions): void {
  const editing = new Dialog(part(document, "[data-edit-dialog]", HTMLDialogElement));
  const deleting = new Dialog(part(document, "[data-delete-dialog]", HTMLDialogElement));
  const field = part(editing.element, "textarea", HTMLTextAreaElement);
  const quote = part(deleting.element, "[data-quote]");

  list.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a.tool") : null;
    const number = Number(link?.closest<HTMLElement>("[data-number]")?.dataset["number"]);
    if (!link || Number.isNaN(number) || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    if (link.matches("[data-edit]")) {
      field.value = textOf(number);
      editing.open(async () => {
        changed(await edit(uri, number, field.value));
      });
    } else {
      quote.textContent = textOf(number);
      deleting.open(async () => {
        changed(await remove(uri, number));
      });
    }
  });
}

class Dialog {
  readonly element: HTMLDialogElement;
  private readonly error: HTMLElement;
  private readonly confirm: HTMLButtonElement;
  private act: () => Promise<void> = () => Promise.resolve();

  constructor(element: HTMLDialogElement) {
    this.element = element;
    this.error = part(element, "[data-dialog-error]");
    this.confirm = part(element, "[data-dialog-confirm]", HTMLButtonElement);
    part(element, "[data-dialog-cancel]").addEventListener("click", () => {
      element.close();
    });
    part(element, "form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
  }

  open(act: () => Promise<void>): void {
    this.act = act;
    this.error.hidden = true;
    this.element.showModal();
  }

  private async submit(): Promise<void> {
    this.confirm.disabled = true;
    try {
      await this.act();
      this.element.close();
    } catch (error) {
      this.error.textContent = error instanceof Refusal ? error.message : "The server cannot be reached.";
      this.error.hidden = false;
    } finally {
      this.confirm.disabled = false;
    }
  }
}
