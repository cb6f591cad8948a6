/** "Why is it not live?": tries each hop from this browser to the server, and says which one is broken and how to mend it. */

interface Seen {
  scheme: string;
  host: string;
  ping_s: number;
}

type Outcome = { well: true; told: string } | { well: false; told: string; mend: string };
type Step = () => Promise<Outcome>;

const WITHIN_MS = 10_000;
const PING_GRACE_S = 5;

const list = document.querySelector("[data-steps]");
const verdict = document.querySelector("[data-verdict]");
let seen: Seen = { scheme: "", host: "", ping_s: 25 };

function well(told: string): Outcome {
  return { well: true, told };
}

function broken(told: string, mend: string): Outcome {
  return { well: false, told, mend };
}

async function reach(): Promise<Outcome> {
  const answer = await fetch("/live-check/seen", { signal: AbortSignal.timeout(WITHIN_MS) });
  if (!answer.ok) {
    return broken(
      `The server answers with ${String(answer.status)}.`,
      "Look at the log of the proxy and of the web process.",
    );
  }
  seen = (await answer.json()) as Seen;
  if (`${seen.scheme}:` !== location.protocol || seen.host !== location.host) {
    return broken(
      `What you ask ${location.origin} arrives as ${seen.scheme}://${seen.host}.`,
      "The proxy has to forward Host and X-Forwarded-Proto, and TRUSTED_PROXIES has to count it.",
    );
  }
  return well("Requests arrive as you send them.");
}

async function services(): Promise<Outcome> {
  const answer = await fetch("/readyz", { signal: AbortSignal.timeout(WITHIN_MS) });
  const { status, checks } = (await answer.json()) as { status: string; checks: Record<string, string> };
  if (checks["database"] !== "ok") {
    return broken(
      "The server does not reach its database.",
      "See that PostgreSQL runs; manage.py doctor says more.",
    );
  }
  if (checks["redis"] === "unreachable") {
    return broken(
      "The server does not reach Redis: what others say arrives some seconds late.",
      "See that Redis runs; manage.py doctor says more.",
    );
  }
  return well(`The server says that it is ${status}.`);
}

/** A socket that has been answered; the caller closes it. */
function open(): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/connection/websocket`);
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error("silent"));
    }, WITHIN_MS);
    const fail = (): void => {
      clearTimeout(timer);
      reject(new Error("closed"));
    };
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ id: 1, connect: {} }));
    });
    socket.addEventListener("close", fail);
    socket.addEventListener("message", () => {
      clearTimeout(timer);
      socket.removeEventListener("close", fail);
      resolve(socket);
    });
  });
}

async function upgrade(): Promise<Outcome> {
  try {
    (await open()).close();
  } catch (error) {
    return (error as Error).message === "silent"
      ? broken(
          "A WebSocket opens, and nothing comes through it.",
          "Something on the way holds its frames back: a virus scanner, or a proxy that does not know WebSockets.",
        )
      : broken(
          "No WebSocket can be opened.",
          "The proxy has to pass the upgrade (docs/deploy.md has its lines). If others are live here, it is your network: " +
            "an office's proxy, or an extension of the browser.",
        );
  }
  return well("A WebSocket opens and is answered.");
}

async function silence(): Promise<Outcome> {
  const socket = await open();
  const outcome = await new Promise<Outcome>((resolve) => {
    socket.addEventListener("message", () => {
      resolve(well("A silent WebSocket stays open until the server's ping."));
    });
    socket.addEventListener("close", () => {
      resolve(
        broken(
          "A silent WebSocket is cut before the server's ping.",
          `Something on the way has a time-out under ${String(seen.ping_s)} s: raise it (nginx: proxy_read_timeout 1h), or lower ` +
            "LIVE_PING_S.",
        ),
      );
    });
    setTimeout(
      () => {
        resolve(broken("The server's ping does not come.", "Something on the way holds frames back."));
      },
      (seen.ping_s + PING_GRACE_S) * 1000,
    );
  });
  socket.close();
  return outcome;
}

const steps: [string, Step][] = [
  ["From here to the server", reach],
  ["From the server to its database and Redis", services],
  ["Opening a live connection", upgrade],
  ["Keeping it open", silence],
];

function show(title: string, outcome: Outcome): void {
  const row = document.createElement("li");
  row.dataset["well"] = String(outcome.well);
  const heading = document.createElement("strong");
  heading.textContent = `${outcome.well ? "✓" : "✗"} ${title}: `;
  row.append(heading, outcome.told);
  if (!outcome.well) {
    const mend = document.createElement("p");
    mend.className = "help";
    mend.textContent = outcome.mend;
    row.append(mend);
  }
  list?.append(row);
}

async function run(): Promise<string> {
  for (const [title, step] of steps) {
    const outcome = await step().catch((): Outcome =>
      broken("No answer came.", "See whether you are online, and whether the site is."),
    );
    show(title, outcome);
    if (!outcome.well) {
      return `It is broken here: ${title.toLowerCase()}.`;
    }
  }
  return "Everything between you and the server works: pages here are live.";
}

void run().then((sentence) => {
  if (verdict !== null) {
    verdict.textContent = sentence;
  }
});
