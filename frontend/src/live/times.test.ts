import { describe, expect, it } from "vitest";
import { localise, shortTime } from "./times";

const now = new Date("2026-01-31T12:00:00Z");

function written(iso: string, zone = "UTC"): string {
  return shortTime(new Date(iso), now, "en-GB", zone);
}

describe("a time", () => {
  it("is as short as it can be and still be clear", () => {
    expect(written("2026-01-31T09:05:00Z")).toBe("09:05");
    expect(written("2026-01-30T09:05:00Z")).toBe("30 Jan, 09:05");
    expect(written("2025-12-31T09:05:00Z")).toBe("31 Dec 2025, 09:05");
  });

  it("is in the reader's zone, where it may be another day", () => {
    expect(written("2026-01-30T23:30:00Z", "Europe/Berlin")).toBe("00:30");
  });

  it("takes the place of what the server wrote, and leaves alone what is none", () => {
    const [time, other] = [document.createElement("time"), document.createElement("time")];
    time.dateTime = "2026-01-31T09:05:00Z";
    time.textContent = "31 Jan 2026, 09:05 UTC";
    other.dateTime = "some day";
    other.textContent = "some day";
    document.body.append(time, other);
    localise(document, now);
    expect(time.textContent).toMatch(/^\d\d:\d\d/);
    expect(time.title).toContain("2026");
    expect(other.textContent).toBe("some day");
  });
});
