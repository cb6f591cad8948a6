import { describe, expect, it } from "vitest";
import { shelfFor } from "./drafts";

// Without IndexedDB, as in the private windows of some browsers.
describe("a shelf in a browser that keeps nothing", () => {
  it("remembers for as long as the window lives", async () => {
    const shelf = shelfFor("feed");
    const draft = { clientId: "a", text: "text", refusal: null, isWaiting: false };
    await shelf.put(draft);
    expect(await shelf.all()).toEqual([draft]);
    await shelf.drop("a");
    expect(await shelf.all()).toEqual([]);
  });
});
