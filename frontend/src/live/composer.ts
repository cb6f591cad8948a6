/** The form that posts, while the script looks after it. */

import { part } from "./dom";
import { newClientId } from "./outbox";

const TYPING_EVERY_MS = 3_000;

export interface ComposerOptions {
  /** Whether Enter alone posts, as in a chat; a line break is then Shift and Enter. */
  postsOnEnter: boolean;
  post: (clientId: string, text: string) => void;
  typing: () => void;
}

export function lookAfter(form: HTMLFormElement, { postsOnEnter, post, typing }: ComposerOptions): void {
  const field = part(form, "textarea", HTMLTextAreaElement);
  const hasKeyboard = window.matchMedia("(hover: hover) and (pointer: fine)").matches;
  if (hasKeyboard) {
    part(form, "button").title = postsOnEnter ? "Enter (Shift and Enter: a new line)" : "Ctrl and Enter";
  }
  let typedAt = 0;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value;
    if (text.trim() !== "") {
      field.value = "";
      typedAt = 0;
      for (const error of form.querySelectorAll(".error")) {
        error.remove();
      }
      post(newClientId(), text);
    }
    field.focus();
  });

  field.addEventListener("keydown", (event) => {
    const isAlone = !event.shiftKey && !event.altKey && postsOnEnter && hasKeyboard;
    if (event.key === "Enter" && !event.isComposing && (isAlone || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  field.addEventListener("input", () => {
    if (field.value.trim() !== "" && Date.now() - typedAt > TYPING_EVERY_MS) {
      typedAt = Date.now();
      typing();
    }
  });
}
