import { expect, it } from "vitest";
import { piecesOf } from "./terms";

it("takes what stands after a hash for a heading, and everything for text", () => {
  expect(piecesOf("# Be kind\n\nAlways.\n<b>#1</b>\n")).toEqual([
    { isHeading: true, text: "Be kind" },
    { isHeading: false, text: "Always." },
    { isHeading: false, text: "<b>#1</b>" },
  ]);
});
