/**
 * One live connection for many windows: each asks for the streams it wants to follow, and hears what happens there.
 * It lives in a shared worker where there is one, else in the window itself; either way windows talk to it in messages.
 */

import { Centrifuge, State, type Subscription, SubscriptionState } from "centrifuge";
import { complete } from "./complete";
import type { AnyDoorbell, AnyEvent, Position } from "../wire";

/** What a window says. */
export type Up =
  | { kind: "follow"; stream: string; watch: boolean }
  | { kind: "leave"; stream: string }
  | { kind: "call"; id: number; method: string; data: unknown }
  | { kind: "present"; id: number; stream: string }
  | { kind: "hurry" };

/** What a window hears. */
export type Down =
  | { kind: "state"; state: LinkState; code: number; reason: string }
  | { kind: "following"; stream: string; position: Position | null; marks: Marks }
  | { kind: "interrupted"; stream: string }
  | { kind: "cut"; stream: string; code: number }
  | { kind: "publication"; stream: string; data: AnyEvent | AnyDoorbell }
  | { kind: "presence"; stream: string; client: string; userId: number; isHere: boolean }
  | { kind: "answer"; id: number; data: unknown }
  | { kind: "refusal"; id: number; code: number; message: string };

export type LinkState = "connecting" | "connected" | "disconnected";
export type Marks = Record<string, number>;
export type Hear = (down: Down) => void;

/** The client's own code for a call that got no answer. */
const NO_ANSWER = 1;

export function connect(address: string, token: string): Centrifuge {
  return new Centrifuge(address, { token, name: "app", maxReconnectDelay: 10_000, minReconnectDelay: 300 });
}

interface Stream {
  readonly subscription: Subscription;
  readonly followers: Set<Hear>;
  position: Position | null;
  marks: Marks;
}

export class Switchboard {
  private readonly streams = new Map<string, Stream>();
  private readonly windows = new Set<Hear>();
  private readonly centrifuge: Centrifuge;
  private last: Down = { kind: "state", state: "connecting", code: 0, reason: "" };

  constructor(centrifuge: Centrifuge) {
    this.centrifuge = centrifuge;
    centrifuge.on("state", ({ newState }) => {
      if (newState !== State.Disconnected) {
        this.tellState({ kind: "state", state: newState, code: 0, reason: "" });
      }
    });
    centrifuge.on("disconnected", ({ code, reason }) => {
      this.tellState({ kind: "state", state: "disconnected", code, reason });
    });
  }

  attach(hear: Hear): void {
    this.windows.add(hear);
    hear(this.last);
    this.centrifuge.connect();
  }

  detach(hear: Hear): void {
    this.windows.delete(hear);
    for (const name of [...this.streams.keys()]) {
      this.leave(name, hear);
    }
    if (this.windows.size === 0) {
      this.centrifuge.disconnect();
    }
  }

  take(up: Up, hear: Hear): void {
    switch (up.kind) {
      case "follow":
        this.follow(up.stream, up.watch, hear);
        return;
      case "leave":
        this.leave(up.stream, hear);
        return;
      case "call":
        answer(up.id, hear, async () => (await this.centrifuge.rpc(up.method, up.data)).data as unknown);
        return;
      case "present":
        answer(up.id, hear, async () => {
          const { clients } = await this.centrifuge.presence(up.stream);
          return Object.values(clients).map(({ client, user }) => ({ client, userId: Number(user) }));
        });
        return;
      case "hurry":
        this.hurry();
    }
  }

  /** Tries at once, rather than when the next attempt is due. */
  private hurry(): void {
    if (this.centrifuge.state === State.Connecting) {
      this.centrifuge.disconnect();
    }
    this.centrifuge.connect();
  }

  private tellState(state: Down): void {
    this.last = state;
    this.tell(this.windows, state);
  }

  private tell(windows: ReadonlySet<Hear>, down: Down): void {
    windows.forEach((hear) => {
      hear(down);
    });
  }

  private follow(name: string, watch: boolean, hear: Hear): void {
    const known = this.streams.get(name);
    if (known === undefined) {
      this.streams.set(name, this.open(name, watch, hear));
      return;
    }
    known.followers.add(hear);
    if (known.subscription.state === SubscriptionState.Subscribed) {
      const { position, marks } = known;
      hear({ kind: "following", stream: name, position, marks });
    }
  }

  private leave(name: string, hear: Hear): void {
    const stream = this.streams.get(name);
    stream?.followers.delete(hear);
    if (stream?.followers.size === 0) {
      this.close(name, stream);
    }
  }

  private close(name: string, { subscription }: Stream): void {
    this.streams.delete(name);
    subscription.removeAllListeners();
    this.centrifuge.removeSubscription(subscription);
  }

  private open(name: string, watch: boolean, hear: Hear): Stream {
    const subscription = this.centrifuge.newSubscription(name, { joinLeave: watch });
    const stream: Stream = { subscription, followers: new Set([hear]), position: null, marks: {} };
    subscription.on("subscribed", ({ streamPosition, wasRecovering, recovered, data }) => {
      const { read_marks } = (data ?? {}) as { read_marks?: Marks };
      stream.marks = read_marks ?? {};
      // What was missed follows one by one, and moves the position with it.
      if (!wasRecovering || !recovered) {
        stream.position = streamPosition ? { epoch: streamPosition.epoch, seq: streamPosition.offset } : null;
      }
      const { position, marks } = stream;
      this.tell(stream.followers, { kind: "following", stream: name, position, marks });
    });
    subscription.on("subscribing", () => {
      this.tell(stream.followers, { kind: "interrupted", stream: name });
    });
    subscription.on("unsubscribed", ({ code }) => {
      this.close(name, stream);
      this.tell(stream.followers, { kind: "cut", stream: name, code });
    });
    subscription.on("publication", ({ data, offset }) => {
      const arrived = complete(data);
      if (offset !== undefined && stream.position !== null) {
        stream.position = { ...stream.position, seq: offset };
      }
      if (arrived.type === "read") {
        stream.marks = { ...stream.marks, ...arrived.marks };
      }
      this.tell(stream.followers, { kind: "publication", stream: name, data: arrived });
    });
    for (const [event, isHere] of [
      ["join", true],
      ["leave", false],
    ] as const) {
      subscription.on(event, ({ info: { client, user } }) => {
        this.tell(stream.followers, { kind: "presence", stream: name, client, userId: Number(user), isHere });
      });
    }
    subscription.subscribe();
    return stream;
  }
}

function answer(id: number, hear: Hear, ask: () => Promise<unknown>): void {
  ask().then(
    (data) => {
      hear({ kind: "answer", id, data });
    },
    (error: unknown) => {
      const { code, message } = error as { code?: number; message?: string };
      hear({ kind: "refusal", id, code: code ?? NO_ANSWER, message: message ?? "" });
    },
  );
}
