/** A server for tests of stores: answers `fetch` with what the test has put there. */

import { vi } from "vitest";
import type { ChatSummary } from "../app/api/client";
import type { AnyEvent } from "../wire";
import { alice, bob, message } from "./messages";

type Answer = (query: URLSearchParams, body: unknown) => unknown;

class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export function refuse(status: number, code: string): never {
  throw new Refused(status, code);
}

/** By method and path, as `GET /api/chats/`. */
export class Server {
  readonly asked: string[] = [];
  private readonly answers = new Map<string, Answer>();

  /** From now on `fetch` asks this server. */
  start(): this {
    vi.stubGlobal("fetch", (request: Request) => this.answer(request));
    return this;
  }

  on(what: string, answer: Answer): this {
    this.answers.set(what, answer);
    return this;
  }

  private async answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const what = `${request.method} ${pathname}`;
    this.asked.push(what);
    const body: unknown = request.method === "GET" ? null : JSON.parse((await request.text()) || "null");
    const answer = this.answers.get(what);
    try {
      const data = answer === undefined ? refuse(404, "not_found") : answer(searchParams, body);
      return data === undefined ? new Response(null, { status: 204 }) : Response.json(data);
    } catch (problem) {
      if (problem instanceof Refused) {
        const { status, code } = problem;
        return Response.json({ code, detail: code }, { status });
      }
      throw problem;
    }
  }
}

const AT = "2026-01-31T12:00:00.000Z";

/** A thread of alice's with bob, in which three things have been said. */
export function thread(uri: string, fields: Partial<ChatSummary> = {}): ChatSummary {
  return {
    uri,
    kind: "thread",
    name: "",
    state: "active",
    role: "member",
    unread: 0,
    read_number: 3,
    message_count: 3,
    member_count: 2,
    members: [alice, bob],
    last_message: message(3),
    link_open: false,
    created_at: AT,
    active_at: AT,
    closed_at: null,
    closed_by: null,
    position: { epoch: "e", seq: 3 },
    ...fields,
  };
}

/** Bob says message `number` of a chat. */
export function said(chat: string, number: number, seq = number): AnyEvent {
  return { type: "message.posted", chat, seq, at: AT, ends: [], message: message(number, { author: bob }) };
}
