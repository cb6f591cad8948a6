/** What the scripts ask of the REST door, with the page's own session. */

import type { Message, MessagePage } from "../wire";
import type { Answer, Draft } from "./outbox";

const PATIENCE_MS = 10_000;
const LATER_MS = 3_000;

interface Problem {
  code: string;
  detail: string;
}

export class Refusal extends Error {}

/** Finds the token in the page rather than in the cookie: whoever signs in elsewhere must not write from this page. */
function csrfToken(): string {
  return document.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

async function ask(path: string, method = "GET", body?: unknown): Promise<Response> {
  return fetch(path, {
    method,
    headers: {
      Accept: "application/json",
      ...(method === "GET" ? {} : { "Content-Type": "application/json", "X-CSRFToken": csrfToken() }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

async function refusalIn(response: Response): Promise<string> {
  if (response.status === 401 || response.status === 403) {
    return "You have signed in or out since this page was loaded. Reload it.";
  }
  try {
    return ((await response.json()) as Problem).detail;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

async function read<T>(response: Response): Promise<T> {
  if (!response.ok) {
    throw new Refusal(await refusalIn(response));
  }
  return (await response.json()) as T;
}

export async function post(uri: string, draft: Draft): Promise<Answer> {
  let response: Response;
  try {
    response = await ask(`/api/chats/${uri}/messages/`, "POST", {
      text: draft.text,
      client_id: draft.clientId,
    });
    if (response.ok) {
      return { kind: "posted", message: (await response.json()) as Message };
    }
  } catch {
    // Nobody knows what became of it: the same key asks again.
    return { kind: "later", afterMs: LATER_MS };
  }
  if (response.status === 429 || response.status >= 500) {
    const seconds = Number(response.headers.get("Retry-After") ?? 0);
    return { kind: "later", afterMs: Math.max(LATER_MS, seconds * 1000) };
  }
  return { kind: "refused", reason: await refusalIn(response) };
}

export async function edit(uri: string, number: number, text: string): Promise<Message> {
  return read(await ask(`/api/chats/${uri}/messages/${number}/`, "PATCH", { text }));
}

export async function remove(uri: string, number: number): Promise<Message> {
  return read(await ask(`/api/chats/${uri}/messages/${number}/`, "DELETE"));
}

export async function press(uri: string, number: number, what: string, clientId: string): Promise<void> {
  const body = { press: what, client_id: clientId };
  const response = await ask(`/api/chats/${uri}/messages/${number}/press/`, "POST", body);
  if (!response.ok) {
    throw new Refusal(await refusalIn(response));
  }
}

export async function readPage(
  uri: string,
  bounds: { before?: number; after?: number } = {},
): Promise<MessagePage> {
  const query = new URLSearchParams(Object.entries(bounds).map(([name, number]) => [name, String(number)]));
  return read(await ask(`/api/chats/${uri}/messages/?${query}`));
}
