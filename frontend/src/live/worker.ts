/** The shared worker: holds the one live connection of all windows of a session. */

import type { Hello } from "./lines";
import { connect, type Hear, Switchboard, type Up } from "./switchboard";

interface Scope {
  onconnect: (event: MessageEvent) => void;
}

let switchboard: Switchboard | null = null;

(globalThis as unknown as Scope).onconnect = ({ ports }) => {
  const port = ports[0];
  if (port === undefined) {
    return;
  }
  const hear: Hear = (down) => {
    port.postMessage(down);
  };
  port.onmessage = ({ data }: MessageEvent<Hello | Up>) => {
    if (data.kind === "hello") {
      switchboard ??= new Switchboard(connect(data.address, data.token));
      switchboard.attach(hear);
      void goneWith(data.lock).then(() => switchboard?.detach(hear));
    } else {
      switchboard?.take(data, hear);
    }
  };
};

/** A window's lock is granted to somebody else when the window is no more. */
async function goneWith(lock: string): Promise<void> {
  await navigator.locks.request(lock, () => undefined);
}
