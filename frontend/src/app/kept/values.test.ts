import { expect, it } from "vitest";
import { keepValue, keptValue } from "./values";

it("what a browser keeps is read again, and what cannot be read is not there", () => {
  keepValue("session", { token: "t" });
  expect(keptValue("session")).toEqual({ token: "t" });
  expect(keptValue("nothing")).toBeNull();
  localStorage.setItem("session", "{half");
  expect(keptValue("session")).toBeNull();
});
