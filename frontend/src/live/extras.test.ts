// @vitest-environment happy-dom

import { expect, test, vi } from "vitest";
import { message } from "../cast/messages";
import { extrasOf, pressButtons } from "./extras";

const menu = message(7, {
  extras: {
    kind: "text",
    text: "Choose:",
    buttons: [
      [
        { title: "<b>Next</b>", press: "page:2", url: null },
        { title: "Site", press: null, url: "https://example.org/" },
      ],
    ],
  },
});

test("buttons press, and links lead out; titles are text", () => {
  const form = extrasOf(menu, "abc", true);
  const button = form?.querySelector("button");
  expect(form?.getAttribute("action")).toContain("/messages/abc/7/press/");
  expect([button?.textContent, button?.name, button?.value]).toEqual(["<b>Next</b>", "press", "page:2"]);
  expect(form?.querySelector("a")?.href).toBe("https://example.org/");
});

test("who may not write has nothing to press; what is deleted shows nothing", () => {
  expect(extrasOf(menu, "abc", false)?.querySelector("button")).toBeNull();
  expect(extrasOf({ ...menu, deleted_at: "2026-01-31T12:00:00.000Z" }, "abc", true)).toBeNull();
  expect(extrasOf(message(1), "abc", true)).toBeNull();
});

test("a press is sent without leaving the page", () => {
  const list = document.createElement("ol");
  const form = extrasOf(menu, "abc", true) as HTMLFormElement;
  list.append(form);
  document.body.append(list);
  const press = vi.fn(() => Promise.resolve());
  const refused = vi.fn();
  pressButtons(list, { press, refused });
  const event = new SubmitEvent("submit", {
    bubbles: true,
    cancelable: true,
    submitter: form.querySelector("button"),
  });
  form.dispatchEvent(event);
  expect(event.defaultPrevented).toBe(true);
  expect(press).toHaveBeenCalledWith(7, "page:2", expect.any(String));
});
