/** The service worker: keeps the app's shell, so that it opens at once, and without a network too. */

interface ExtendableEvent extends Event {
  waitUntil: (promise: Promise<unknown>) => void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith: (response: Promise<Response>) => void;
}
interface Scope {
  addEventListener: ((type: "fetch", listen: (event: FetchEvent) => void) => void) &
    ((type: "install" | "activate", listen: (event: ExtendableEvent) => void) => void) &
    ((type: "message", listen: (event: MessageEvent) => void) => void);
  skipWaiting: () => Promise<void>;
  clients: { claim: () => Promise<void> };
}

/** The page and all that it is made of; the names have hashes, so a new list is a new version. Put in by the build. */
const SHELL = JSON.parse("__SHELL__") as string[];
const PAGE = SHELL[0] ?? "/";
const CACHE = `parley ${SHELL.slice(1).join(" ")}`;

const worker = globalThis as unknown as Scope;

worker.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL.map((path) => new Request(path, { cache: "no-cache" })))),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith("parley ") && name !== CACHE)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener("message", ({ data }) => {
  if (data === "take over") {
    void worker.skipWaiting();
  }
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = new URL(request.url).pathname;
  if (request.method !== "GET") {
    return;
  }
  if (request.mode === "navigate") {
    event.respondWith(kept(PAGE, request));
  } else if (SHELL.includes(path)) {
    event.respondWith(kept(path, request));
  }
});

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}
