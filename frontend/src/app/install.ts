/** The service worker: registered here, and asked now and then whether there is a newer one. */

import { ref } from "vue";

const ASK_EVERY_MS = 30 * 60_000;

/** Whether a newer version waits to be taken. */
export const isUpdateReady = ref(false);
let waiting: ServiceWorker | null = null;

export function watchForUpdates(): void {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) {
    return;
  }
  void navigator.serviceWorker.register(`${__APP_PATH__}sw.js`, { scope: __APP_PATH__ }).then(
    (registration) => {
      offer(registration.waiting);
      registration.addEventListener("updatefound", () => {
        const found = registration.installing;
        found?.addEventListener("statechange", () => {
          if (found.state === "installed") {
            offer(found);
          }
        });
      });
      setInterval(() => void registration.update().catch(() => undefined), ASK_EVERY_MS);
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden) {
          void registration.update().catch(() => undefined);
        }
      });
    },
    () => undefined, // Then it is not installable, and works.
  );
}

/** The first one has nothing to replace. */
function offer(worker: ServiceWorker | null): void {
  if (worker !== null && navigator.serviceWorker.controller !== null) {
    waiting = worker;
    isUpdateReady.value = true;
  }
}

/** Only when somebody asks for it: what they write is kept, and here again. */
export function takeUpdate(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    window.location.reload();
  });
  waiting?.postMessage("take over");
}
