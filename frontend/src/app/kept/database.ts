/** What the browser keeps for one person: IndexedDB, a database each, gone when they sign out. */

const VERSION = 1;
const PREFIX = "parley-";
/** The outbox by the order of writing; the others by the chat's uri. */
export type Drawer = "outbox" | "writing" | "chats" | "pages";

let opened: { userId: number; database: Promise<IDBDatabase> } | null = null;

export function openFor(userId: number): void {
  if (opened?.userId !== userId) {
    close();
    opened = { userId, database: open(userId) };
    // Where there is none (private windows of some browsers), things last as long as the window.
    opened.database.catch(() => undefined);
  }
}

export function close(): void {
  const closing = opened;
  opened = null;
  void closing?.database.then(
    (database) => {
      database.close();
    },
    () => undefined,
  );
}

/** Everything that is kept for them, gone. */
export async function wipe(userId: number): Promise<void> {
  if (opened?.userId === userId) {
    close();
  }
  if (!("indexedDB" in globalThis)) {
    return;
  }
  await new Promise<void>((resolve) => {
    const request = indexedDB.deleteDatabase(PREFIX + String(userId));
    request.onsuccess =
      request.onerror =
      request.onblocked =
        () => {
          resolve();
        };
  });
}

/** Runs `act` on a drawer and answers with its request's result; undefined if nothing can be kept here. */
export async function inDrawer(
  drawer: Drawer,
  mode: IDBTransactionMode,
  act: (store: IDBObjectStore) => { readonly result: unknown },
): Promise<unknown> {
  const database = await opened?.database.catch(() => undefined);
  if (database === undefined) {
    return undefined;
  }
  return new Promise((resolve) => {
    try {
      const transaction = database.transaction(drawer, mode);
      const request = act(transaction.objectStore(drawer));
      transaction.oncomplete = () => {
        resolve(request.result);
      };
      transaction.onerror = transaction.onabort = () => {
        resolve(undefined);
      };
    } catch {
      resolve(undefined); // Closed meanwhile, by a wipe.
    }
  });
}

async function open(userId: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(PREFIX + String(userId), VERSION);
    request.onupgradeneeded = () => {
      const outbox = request.result.createObjectStore("outbox", { keyPath: "order", autoIncrement: true });
      outbox.createIndex("chat", "chat");
      outbox.createIndex("clientId", "clientId", { unique: true });
      for (const drawer of ["writing", "chats", "pages"] satisfies Drawer[]) {
        request.result.createObjectStore(drawer);
      }
    };
    request.onsuccess = () => {
      // Another window wipes it: nothing may stand in its way.
      request.result.onversionchange = () => {
        request.result.close();
      };
      resolve(request.result);
    };
    request.onerror = () => {
      reject(new Error("Nothing can be kept in this browser."));
    };
  });
}
