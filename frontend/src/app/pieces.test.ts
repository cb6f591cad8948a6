import { expect, it } from "vitest";
import { message, person } from "../cast/messages";
import { saidIn } from "./pieces";

const ada = { ...person(-4, "Ada"), is_contact: true };

it("what contacts send beside words is told from their words", () => {
  const said = (text: string): unknown => saidIn(message(1, { author: ada, text }));
  expect(said("good morning [image]")).toEqual({ pieces: [], text: "good morning [image]" });
  expect(said("[image] https://example.org/a.jpg [video] my boat")).toEqual({
    pieces: [
      { kind: "image", url: "https://example.org/a.jpg" },
      { kind: "video", url: null },
    ],
    text: "my boat",
  });
  expect(said("[location] 52.50000, 13.40000")).toEqual({
    pieces: [{ kind: "location", url: null }],
    text: "52.50000, 13.40000",
  });
  expect(said("[hologram]")).toEqual({ pieces: [{ kind: "other", url: null }], text: "" });
  expect(said("[image] javascript:alert(1)")).toEqual({
    pieces: [{ kind: "image", url: null }],
    text: "javascript:alert(1)",
  });
});

it("nobody else's words are anything but words", () => {
  expect(saidIn(message(1, { text: "[image] https://example.org" })).pieces).toEqual([]);
});

it("a text that only tells what is shown anyway is not shown twice", () => {
  const cards = { kind: "cards", text: "", cards: [{ title: "A", subtitle: "b", image: null, buttons: [] }] };
  expect(saidIn(message(1, { text: "A b", extras: cards as never })).text).toBe("");
  const image = { kind: "image", text: "The pier", url: "https://example.org/p.jpg", file_id: null };
  expect(saidIn(message(1, { text: "The pier", extras: image as never })).text).toBe("The pier");
});
