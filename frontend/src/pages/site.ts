/** On every page: times as the reader would write them, and forms that a second click does not send again. */

import { localise } from "../live/times";

localise(document);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || !(form instanceof HTMLFormElement) || form.method !== "post") {
    return;
  }
  if (form.dataset["sent"] !== undefined) {
    event.preventDefault();
  }
  form.dataset["sent"] = "";
});

// A page that comes back from the browser's memory may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll<HTMLElement>("form[data-sent]")) {
    delete form.dataset["sent"];
  }
});
