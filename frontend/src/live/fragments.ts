/** Parts of a page that the server renders and the script renews by reading the page again. */

import { localise } from "./times";

const SETTLE_MS = 300;
const TRY_AGAIN_MS = 3_000;

export class Fragments {
  private readonly wanted = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly renewed: () => void;

  /** `renewed` is called whenever fragments have been put in place. */
  constructor(renewed: () => void = () => undefined) {
    this.renewed = renewed;
  }

  /** Renews the named fragments soon, once for all that is asked for at about the same time, and until it succeeds. */
  renew(...names: string[]): void {
    names.forEach((name) => this.wanted.add(name));
    this.schedule(SETTLE_MS);
  }

  private schedule(afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), afterMs);
  }

  private async read(): Promise<void> {
    const names = [...this.wanted];
    this.wanted.clear();
    try {
      const response = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      if (response.ok) {
        place(names, new DOMParser().parseFromString(await response.text(), "text/html"));
        this.renewed();
        return;
      }
      if (response.status < 500) {
        return; // There is no such page for this reader any more, as they are told elsewhere.
      }
    } catch {
      // The network; the fragments are still wanted.
    }
    names.forEach((name) => this.wanted.add(name));
    this.schedule(TRY_AGAIN_MS);
  }
}

/** A form that somebody may be writing in stays. */
function place(names: readonly string[], fresh: Document): void {
  for (const name of names) {
    const selector = `[data-fragment="${name}"]`;
    const [now, then] = [document.querySelector(selector), fresh.querySelector(selector)];
    const isInUse = now?.querySelector("[data-composer]") && then?.querySelector("[data-composer]");
    if (now && then && !isInUse) {
      localise(then);
      now.replaceChildren(...then.childNodes);
    }
  }
}
