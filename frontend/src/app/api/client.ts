/** The REST door, typed by its own description: `npm run api-types` renews schema.ts. */

import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type ChatSummary = Schemas["ChatSummary"];
export type Device = Schemas["Device"];
export type Me = Schemas["Me"];
export type MemberShape = Schemas["MemberShape"];
export type TermsInForce = Schemas["TermsInForce"];
export type RoomPreview = Schemas["RoomPreview"];

const PATIENCE_MS = 10_000;
const origin = import.meta.env.VITE_API_URL ?? "";

/** What the server refused. `code` is stable; 0 as `status`: it could not be reached. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, readonly string[]>>;
  readonly retryAfterS: number;
  /** What comes along with some codes. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Partial<Schemas["Problem"]> = {}) {
    super(problem.detail ?? "");
    this.status = status;
    this.code = problem.code ?? (status === 0 ? "unreachable" : "unknown");
    this.fields = problem.fields ?? {};
    this.facts = problem;
    this.retryAfterS = Number(this.facts["retry_after_s"] ?? 0);
  }

  /** Whether the same request may work later. */
  get isForNow(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

let token: string | null = null;
let rejected: (rejectedToken: string) => void = () => undefined;

/** From now on requests are made with this token; `whenRejected` is told when the server does not take it. */
export function authorise(newToken: string | null, whenRejected: (rejectedToken: string) => void): void {
  token = newToken;
  rejected = whenRejected;
}

const bearing: Middleware = {
  onRequest({ request }) {
    if (token !== null) {
      request.headers.set("Authorization", `Token ${token}`);
    }
    // The language that was chosen here, which need not be the browser's.
    request.headers.set("Accept-Language", document.documentElement.lang);
    return request;
  },
  onResponse({ request, response }) {
    const used = request.headers.get("Authorization")?.slice("Token ".length);
    if (response.status === 401 && used !== undefined) {
      rejected(used);
    }
  },
};

export const api = createClient<paths>({
  baseUrl: origin,
  // The token is all that counts: a page's session on the same origin is somebody else's business.
  credentials: "omit",
  headers: { Accept: "application/json" },
  fetch: (request) => fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) }),
});
api.use(bearing);

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What was answered; throws a `Refusal`. */
export async function answerOf<T>(request: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await request;
  } catch {
    throw new Refusal(0);
  }
  if (!outcome.response.ok) {
    const problem = typeof outcome.error === "object" ? outcome.error : null;
    throw new Refusal(outcome.response.status, problem ?? {});
  }
  return outcome.data as T;
}

/** Of something on the server that the app runs against. */
export function apiAddress(path: string): string {
  return new URL(path, origin || window.location.href).href;
}

export function socketAddress(): string {
  const address = new URL(apiAddress("/connection/websocket"));
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}
