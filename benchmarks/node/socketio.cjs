// Socket.IO with its Redis adapter, as its documentation has it; every socket joins one room.

const { createServer } = require("node:http");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");

async function main() {
  const [port, redisUrl] = process.argv.slice(2);
  const publisher = createClient({ url: redisUrl });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(publisher, subscriber), transports: ["websocket"] });
  io.on("connection", (socket) => socket.join("bench"));
  http.listen({ host: "127.0.0.1", port: Number(port), backlog: 1024 });
}

main();
