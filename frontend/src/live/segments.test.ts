import { describe, expect, it } from "vitest";
import { segmentsOf } from "./segments";

function links(text: string): string[] {
  return segmentsOf(text).flatMap(({ href }) => href ?? []);
}

describe("the segments of a text", () => {
  it("are together the text, whatever is in it", () => {
    for (const text of [
      "",
      "plain",
      "see https://a.example/x, or http://b.example.",
      "<b>https://c.example</b>",
    ]) {
      expect(
        segmentsOf(text)
          .map((segment) => segment.text)
          .join(""),
      ).toBe(text);
    }
  });

  it("are links for addresses, without the sentence's marks", () => {
    expect(links("see https://a.example/x?y=1, (http://b.example).")).toEqual([
      "https://a.example/x?y=1",
      "http://b.example",
    ]);
  });

  it("are links for nothing that could run", () => {
    expect(links("javascript:alert(1) data:text/html,x https://")).toEqual([]);
  });
});
