// The plainest broadcaster on Node: `ws`, and what comes from one Redis channel goes to every socket.

const { createClient } = require("redis");
const { WebSocketServer, WebSocket } = require("ws");

async function main() {
  const [port, redisUrl] = process.argv.slice(2);
  const subscriber = createClient({ url: redisUrl });
  await subscriber.connect();
  const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), backlog: 1024 });
  await subscriber.subscribe("bench", (message) => {
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(message);
    }
  });
}

main();
