/** The two lines to a switchboard: to the browser's one, in a shared worker, or to one of this window's own. */

import type { Line } from "./link";
import { newClientId } from "./outbox";
import type { Down, Hear, Up } from "./switchboard";

/** The first thing that a window says to the worker. `lock`: a Web Lock that is held for as long as the window lives. */
export interface Hello {
  kind: "hello";
  address: string;
  token: string;
  lock: string;
}

/** Without locks the worker would not learn of windows that have gone. */
export function canShare(): boolean {
  return typeof SharedWorker === "function" && "locks" in navigator;
}

/** `session`: whose connection it is; another session has another worker. */
export function sharedLine(address: string, token: string, session: string): (hear: Hear) => Line {
  return (hear) => {
    const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), {
      type: "module",
      name: `parley ${session}`,
    });
    const lock = `parley window ${session} ${newClientId()}`;
    let letGo: () => void = () => undefined;
    let unsaid: Up[] | null = [];
    void navigator.locks.request(lock, () => {
      // Not before the lock is this window's: the worker takes it for gone when it gets the lock itself.
      const hello: Hello = { kind: "hello", address, token, lock };
      worker.port.postMessage(hello);
      unsaid?.forEach((up) => {
        worker.port.postMessage(up);
      });
      unsaid = null;
      return new Promise<void>((resolve) => (letGo = resolve));
    });
    worker.port.onmessage = ({ data }: MessageEvent<Down>) => {
      hear(data);
    };
    return {
      say: (up) => {
        if (unsaid === null) {
          worker.port.postMessage(up);
        } else {
          unsaid.push(up);
        }
      },
      hangUp: () => {
        letGo();
        worker.port.close();
      },
    };
  };
}

/** The client is fetched only where no worker has it. */
export function ownLine(address: string, token: string): (hear: Hear) => Line {
  return (hear) => {
    let isOver = false;
    let hangUp: () => void = () => undefined;
    const switchboard = import("./switchboard").then(({ connect, Switchboard }) => {
      const made = new Switchboard(connect(address, token));
      if (!isOver) {
        made.attach(hear);
        hangUp = () => {
          made.detach(hear);
        };
      }
      return made;
    });
    return {
      say: (up) => {
        void switchboard.then((made) => {
          made.take(up, hear);
        });
      },
      hangUp: () => {
        isOver = true;
        hangUp();
      },
    };
  };
}
