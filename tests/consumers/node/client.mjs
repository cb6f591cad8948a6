// Owns npm's `centrifuge`, unmodified, as tests use it: does what lines of JSON on stdin say, tells on stdout what happens.
// Called with the path of frontend/package.json, whose node_modules has the SDK.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.argv[2]);
// Node's own is too new: where a connection is refused, that of Node 20 never says that it has closed.
const WebSocket = require("ws");
const SDKS = { json: require("centrifuge").Centrifuge, protobuf: require("centrifuge/build/protobuf").Centrifuge };

const clients = new Map();

// Protobuf gives 64-bit numbers as objects.
const number = (offset) => Number(String(offset ?? 0));

const position = (place) => place && { epoch: place.epoch, offset: number(place.offset) };

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

class Client {
  constructor({ client, url, token, tokens, protobuf }) {
    this.id = client;
    this.toWire = protobuf ? (data) => new TextEncoder().encode(JSON.stringify(data)) : (data) => data;
    this.fromWire = protobuf
      ? (data) => (data?.length ? JSON.parse(new TextDecoder().decode(data)) : null)
      : (data) => data ?? null;
    const options = { token, websocket: WebSocket, minReconnectDelay: 50, maxReconnectDelay: 500 };
    if (tokens) {
      options.getToken = async () => {
        this.tell("token", {});
        return tokens.shift() ?? "";
      };
    }
    this.sdk = new SDKS[protobuf ? "protobuf" : "json"](url, options);
    this.sdk.on("connected", ({ client, data }) => this.tell("connected", { id: client, data: this.fromWire(data) }));
    for (const name of ["connecting", "disconnected"]) {
      this.sdk.on(name, ({ code, reason }) => this.tell(name, { code, reason }));
    }
    this.sdk.on("error", ({ error }) => this.tell("error", { code: error.code, message: error.message }));
  }

  tell(event, what) {
    tell({ client: this.id, event, ...what });
  }

  follow({ stream, join_leave, since }) {
    const options = { joinLeave: join_leave, minResubscribeDelay: 50, maxResubscribeDelay: 500 };
    if (since) options.since = since;
    const subscription = this.sdk.newSubscription(stream, options);
    const on = (name, shape) => subscription.on(name, (context) => this.tell(name, { stream, ...shape(context) }));
    on("publication", ({ offset, data }) => ({ offset: number(offset), data: this.fromWire(data) }));
    on("subscribed", ({ wasRecovering, recovered, streamPosition, data }) => ({
      was_recovering: wasRecovering,
      recovered,
      position: position(streamPosition) ?? null,
      data: this.fromWire(data),
    }));
    on("subscribing", ({ code, reason }) => ({ code, reason }));
    on("unsubscribed", ({ code, reason }) => ({ code, reason }));
    on("error", ({ error }) => ({ code: error.code, message: error.message }));
    for (const name of ["join", "leave"]) {
      on(name, ({ info }) => ({ info: this.info(info) }));
    }
    subscription.subscribe();
  }

  info({ client, user, connInfo }) {
    return { client, user, conn_info: this.fromWire(connInfo) };
  }

  connect() {
    this.sdk.connect();
  }

  disconnect() {
    this.sdk.disconnect();
  }

  leave({ stream }) {
    this.sdk.getSubscription(stream).unsubscribe();
  }

  return({ stream }) {
    this.sdk.getSubscription(stream).subscribe();
  }

  async rpc({ method, data }) {
    return this.fromWire((await this.sdk.rpc(method, this.toWire(data))).data);
  }

  async publish({ stream, data }) {
    await this.sdk.publish(stream, this.toWire(data));
  }

  async history({ stream, ...options }) {
    const { publications, offset, epoch } = await this.sdk.history(stream, options);
    const read = publications.map(({ offset, data }) => [number(offset), this.fromWire(data)]);
    return { publications: read, offset: number(offset), epoch };
  }

  async presence({ stream }) {
    const { clients } = await this.sdk.presence(stream);
    return Object.fromEntries(Object.entries(clients).map(([id, info]) => [id, this.info(info)]));
  }

  async presence_stats({ stream }) {
    const { numClients, numUsers } = await this.sdk.presenceStats(stream);
    return [numClients, numUsers];
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.do === "new") {
    clients.set(order.client, new Client(order));
    continue;
  }
  Promise.resolve()
    .then(() => clients.get(order.client)[order.do](order))
    .then(
      (result) => tell({ call: order.call, result: result ?? null }),
      ({ code, message }) => tell({ call: order.call, error: { code: code ?? 0, message } }),
    );
}
process.exit(0);
