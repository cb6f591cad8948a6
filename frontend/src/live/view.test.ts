import { beforeEach, describe, expect, it } from "vitest";
import { alice, bob, message } from "../cast/messages";
import type { Draft } from "./outbox";
import { MessageList } from "./view";

/** As `_message.html` has it. */
function blank(): HTMLElement {
  const item = document.createElement("li");
  item.className = "message";
  item.append(
    made("span", "avatar"),
    made("bdi", "author"),
    made("a", "when", "/messages/feed/0/", document.createElement("time")),
    made("span", "edited"),
    made("a", "tool edit", "/messages/feed/0/edit/"),
    made("a", "tool delete", "/messages/feed/0/delete/"),
    made("p", "text"),
  );
  const meta = made("p", "meta");
  meta.append(...item.querySelectorAll(".author, .when, .edited, .tool"));
  item.append(meta);
  item.querySelector(".edit")?.setAttribute("data-edit", "");
  item.querySelector(".delete")?.setAttribute("data-delete", "");
  return item;
}

function made(tag: string, className: string, href?: string, ...children: Node[]): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  if (href !== undefined) {
    element.setAttribute("href", href);
  }
  element.append(...children);
  return element;
}

let list: HTMLElement;
let template: HTMLTemplateElement;

function view(order: string, { isOperator = false, isWritable = true } = {}): MessageList {
  list.dataset["log"] = order;
  return new MessageList(list, template, { me: alice, isOperator, isWritable, uri: "feed" });
}

function texts(): (string | null | undefined)[] {
  return [...list.children].map((item) => item.querySelector(".text")?.textContent);
}

beforeEach(() => {
  list = document.createElement("ol");
  template = document.createElement("template");
  template.content.append(blank());
  document.body.replaceChildren(list);
});

describe("a list of messages", () => {
  it("shows them in the order of the page", () => {
    view("oldest-first").render([message(1), message(2)], []);
    expect(texts()).toEqual(["message 1", "message 2"]);
    view("newest-first").render([message(1), message(2)], []);
    expect(texts()).toEqual(["message 2", "message 1"]);
  });

  it("puts in as text what people wrote", () => {
    const text = "<img src=x onerror=alert(1)>";
    view("oldest-first").render([message(1, { text, author: { ...bob, username: "<b>bob</b>" } })], []);
    expect(texts()).toEqual([text]);
    expect(list.querySelector("img, b")).toBeNull();
    expect(list.querySelector(".author")?.textContent).toBe("<b>bob</b>");
  });

  it("takes over what the server rendered, and touches only what changes", () => {
    const first = blank();
    first.dataset["number"] = "1";
    list.append(first);
    const shown = view("oldest-first");
    shown.render([message(1), message(2)], []);
    expect(list.children[0]).toBe(first);
    const second = list.children[1];
    shown.render([message(1, { text: "new words" }), message(2)], []);
    expect([...list.children]).toEqual([first, second]);
    expect(texts()).toEqual(["new words", "message 2"]);
  });

  it("removes what is not to be shown any more", () => {
    const shown = view("newest-first");
    shown.render([message(1), message(2), message(3)], []);
    shown.render([message(2)], []);
    expect(texts()).toEqual(["message 2"]);
  });

  it("leads to each message by its number", () => {
    view("oldest-first").render([message(12)], []);
    expect(list.querySelector(".when")?.getAttribute("href")).toBe("/messages/feed/12/");
    expect(list.querySelector("[data-edit]")?.getAttribute("href")).toBe("/messages/feed/12/edit/");
  });

  it("offers to change one's own messages, and operators to delete any", () => {
    const messages = [message(1, { author: alice }), message(2, { author: bob })];
    const offers = (): [boolean, boolean][] =>
      [...list.children].map((item) => [
        item.querySelector("[data-edit]") !== null,
        item.querySelector("[data-delete]") !== null,
      ]);
    view("oldest-first").render(messages, []);
    expect(offers()).toEqual([
      [true, true],
      [false, false],
    ]);
    list.replaceChildren();
    view("oldest-first", { isOperator: true, isWritable: false }).render(messages, []);
    expect(offers()).toEqual([
      [false, true],
      [false, true],
    ]);
  });

  it("says of a deleted message that there was one, and who deleted it", () => {
    const gone = { text: "", deleted_at: "2026-01-31T13:00:00.000Z" };
    view("oldest-first").render(
      [message(1, { ...gone, deleted_by: alice.id }), message(2, { ...gone, deleted_by: 9 })],
      [],
    );
    expect(texts()).toEqual(["Deleted by its author.", "Deleted by an operator."]);
    expect(list.querySelector(".tool")).toBeNull();
  });

  it("shows a draft after the messages, with a way out when it was refused", () => {
    const draft: Draft = { clientId: "a", text: "on its way", refusal: null, isWaiting: false };
    const shown = view("oldest-first");
    shown.render([message(1)], [draft]);
    expect(texts()).toEqual(["message 1", "on its way"]);
    const item = list.children[1];
    expect(item?.querySelector("[data-draft-state]")?.textContent).toBe("Sending");
    shown.render([message(1)], [{ ...draft, refusal: "This thread is closed." }]);
    expect(list.children[1]).toBe(item);
    expect(item?.querySelector("[data-draft-state]")?.textContent).toBe("This thread is closed.");
    expect([...(item?.querySelectorAll("button") ?? [])].map((button) => button.hidden)).toEqual([
      false,
      false,
    ]);
    shown.render([message(1), message(2, { text: "on its way" })], []);
    expect(texts()).toEqual(["message 1", "on its way"]);
    expect(list.querySelector("[data-draft]")).toBeNull();
  });
});
