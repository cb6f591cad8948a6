/** A window's end of the live connection: follows streams, makes calls, and knows whether it is connected. */

import type { AnyDoorbell, AnyEvent, Position } from "../wire";
import type { Down, LinkState, Marks, Up } from "./switchboard";

/** How messages get to the switchboard and back, in this window or to a worker. */
export interface Line {
  say: (up: Up) => void;
  hangUp: () => void;
}

export interface Follower {
  /** Everything after `position` is told. Whoever knows less than that has to read it. */
  following: (position: Position | null, marks: Marks) => void;
  /** The connection is lost; `following` tells when it is back. */
  interrupted: () => void;
  /** It is over: not to be followed any more, or not by this person. */
  cut: (code: number) => void;
  told: (what: AnyEvent | AnyDoorbell) => void;
  presence?: (client: string, userId: number, isHere: boolean) => void;
}

export interface Present {
  client: string;
  userId: number;
}

/** A call that was refused, with the protocol's code; or that got no answer in time: code 1. */
export class CallFailed extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export class Link {
  state: LinkState = "connecting";
  private readonly followers = new Map<string, Set<Follower>>();
  private readonly calls = new Map<
    number,
    { resolve: (data: unknown) => void; reject: (error: Error) => void }
  >();
  private nextId = 1;
  private readonly line: Line;
  private readonly changed: (state: LinkState, code: number) => void;

  /** `open` gets what hears the switchboard and returns the line to it. */
  constructor(open: (hear: (down: Down) => void) => Line, changed: (state: LinkState, code: number) => void) {
    this.changed = changed;
    this.line = open((down) => {
      this.hear(down);
    });
  }

  /** `watch`: also who comes and goes there. Returns how to stop. */
  follow(stream: string, follower: Follower, { watch = false } = {}): () => void {
    const followers = this.followers.get(stream) ?? new Set();
    followers.add(follower);
    this.followers.set(stream, followers);
    this.line.say({ kind: "follow", stream, watch });
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.followers.get(stream) === followers) {
        this.followers.delete(stream);
        this.line.say({ kind: "leave", stream });
      }
    };
  }

  async call(method: string, data: unknown): Promise<unknown> {
    return this.ask((id) => ({ kind: "call", id, method, data }));
  }

  async present(stream: string): Promise<Present[]> {
    return (await this.ask((id) => ({ kind: "present", id, stream }))) as Present[];
  }

  hurry(): void {
    this.line.say({ kind: "hurry" });
  }

  close(): void {
    this.followers.clear();
    this.line.hangUp();
  }

  private async ask(make: (id: number) => Up): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject });
      this.line.say(make(id));
    });
  }

  private hear(down: Down): void {
    switch (down.kind) {
      case "state":
        this.state = down.state;
        this.changed(down.state, down.code);
        return;
      case "following":
        this.each(down.stream, (follower) => {
          follower.following(down.position, down.marks);
        });
        return;
      case "interrupted":
        this.each(down.stream, (follower) => {
          follower.interrupted();
        });
        return;
      case "cut": {
        const followers = this.followers.get(down.stream);
        this.followers.delete(down.stream);
        followers?.forEach((follower) => {
          follower.cut(down.code);
        });
        return;
      }
      case "publication":
        this.each(down.stream, (follower) => {
          follower.told(down.data);
        });
        return;
      case "presence":
        this.each(down.stream, (follower) => {
          follower.presence?.(down.client, down.userId, down.isHere);
        });
        return;
      case "answer":
        this.calls.get(down.id)?.resolve(down.data);
        this.calls.delete(down.id);
        return;
      case "refusal":
        this.calls.get(down.id)?.reject(new CallFailed(down.code, down.message));
        this.calls.delete(down.id);
    }
  }

  private each(stream: string, act: (follower: Follower) => void): void {
    this.followers.get(stream)?.forEach(act);
  }
}
