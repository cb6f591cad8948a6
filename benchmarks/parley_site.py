"""Parley's side of the benchmarks, whatever serves it: its database, its people, and what its clients say."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import psycopg2

from benchmarks import calls
from benchmarks.generator import Publisher
from benchmarks.peer import ROOT, Answering, Bench, Returning, Running, Threads
from benchmarks.publishers.serving import text_of
from benchmarks.scenarios import answering
from benchmarks.scenarios.in_flight import IN_FLIGHT
from benchmarks.script import ONCE, Script, expect, send
from tests.kept_process import KeptProcess
from tests.services import free_port

LARGE_TEXT_BYTES = 7000
# Events that are committed before they are published, by how many are published at once.
AHEAD = {1: 64, IN_FLIGHT: 16 * IN_FLIGHT}
METRICS_TOKEN = "the-token-of-the-benchmark"


@dataclass
class Site:
    """One database with people in it, for all the ways in which it is served."""

    bench: Bench
    env: dict[str, str]
    platform_port: int
    people: list[list[str]] = field(default_factory=list)
    room: str = ""
    threads: list[str] = field(default_factory=list)

    def running(self, process: KeptProcess, port: int, web: Sequence[int] = (), **more: object) -> Running:
        """What may be asked of it at `port`; `web`: the ports of the processes behind that, if it is another's."""
        ports = web or (port,)
        return Running(
            process,
            clients=self._script(port),
            publisher=self._publisher("feed", [("person0", "feed")]),
            ready_publishers={
                window: self._publisher("feed", [("person0", "feed")], ahead=ahead)
                for window, ahead in AHEAD.items()
            },
            recovering=lambda: self._recovering(port),
            posting={
                "socket": self._posting_by_socket(port),
                "rest": self._posting_by_rest(port),
                "webhook": calls.calls(port, "/webhooks/messenger/verses/", self.bench.size),
            },
            bot=Answering(self.platform_port, f"http://127.0.0.1:{port}/webhooks/telegram/verses/", self.env),
            echo=self._echo(port),
            threads=self._threads(port),
            returning={
                "feed": self._returning(port, "feed"),
                "room": self._returning(port, self.room),
                "large": self._returning(port, "feed", LARGE_TEXT_BYTES),
            },
            metrics=lambda: [metrics_of(each) for each in ports],
            **more,  # type: ignore[arg-type]
        )

    def position(self, uri: str) -> tuple[str, int]:
        """The end of a chat's log. Read from the tables: REST would need a server that runs."""
        epoch, seq = self._read(
            "SELECT epoch, last_seq FROM messaging_deployment, messaging_chat WHERE uri = %s", uri
        )
        return str(epoch), int(seq)

    def reads_of_the_log(self) -> int:
        """How often the table of events was looked at, by PostgreSQL's count."""
        (scans,) = self._read(
            "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = %s", "messaging_event"
        )
        return int(scans)

    def _read(self, query: str, *values: str) -> tuple[int | str, ...]:
        with (
            contextlib.closing(psycopg2.connect(self.env["DATABASE_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query, values)
            return tuple(cursor.fetchone() or ())

    def _publisher(
        self,
        name: str,
        places: Sequence[tuple[str, str]],
        env: Mapping[str, str] | None = None,
        ahead: int = 1,
    ) -> Publisher:
        file = self.bench.directory / f"places-{name}"
        file.write_text("".join(f"{author}\t{uri}\n" for author, uri in places))
        arguments = [str(file), str(ahead)]
        return Publisher("benchmarks.publishers.parley", arguments, {**self.env, **(env or {})}, ahead)

    def _script(
        self, port: int, uri: str = "feed", people: Sequence[Sequence[str]] = (), **position: object
    ) -> Script:
        commands = (
            {"id": 1, "connect": {"token": "%1%"}},
            {"id": 2, "subscribe": {"channel": f"chat.{uri}", **position}},
            {"id": 3, "subscribe": {"channel": "user.%2%"}},
        )
        # In one frame, as the SDKs do; the replies come one by one, in order.
        followed = '"recovered":true' if position else '"id":2'
        # Where it stands is a number, which JSON has no place-holders for.
        text = "\n".join(map(json.dumps, commands)).replace('"%o%"', "%o%")
        return Script(
            port,
            "/connection/websocket",
            steps=[send(text), *map(expect, ('"id":1', followed, '"id":3'))],
            refuse='"error"',
            ping="{}",
            pong="{}",
            columns=people or self.people,
        )

    def _recovering(self, port: int) -> Script:
        epoch, seq = self.position("feed")
        return self._script(port, recover=True, epoch=epoch, offset=seq - 1)

    def _returning(self, port: int, uri: str, text_bytes: int = 0) -> Returning:
        """With a text of their own size, they may have missed more than is replayed, and begin afresh."""
        epoch, _ = self.position(uri)
        env = {"BENCH_TEXT_BYTES": str(text_bytes)} if text_bytes else {}
        script = self._script(port, uri, recover=True, epoch=epoch, offset="%o%")
        return Returning(
            replace(script, afresh='"recovered":false', offset='"offset":') if text_bytes else script,
            self._publisher(f"{uri}-{text_bytes}", [("person0", uri)], env),
            position=lambda: self.position(uri)[1],
            reads=self.reads_of_the_log,
        )

    def _threads(self, port: int) -> Threads:
        number = len(self.threads)
        people = [[*person, self.threads[at % number]] for at, person in enumerate(self.people[: 2 * number])]
        clients = self._script(port, "%3%", people)
        data = {"chat": "%3%", "text": "~%m%~".ljust(193, "x"), "client_id": f"{ONCE}-%i%-%n%"}
        said = '{"id":1%n%,"rpc":' + json.dumps({"method": "message.post", "data": data}) + "}"
        return Threads(
            clients,
            self._publisher("threads", [(f"person{at}", uri) for at, uri in enumerate(self.threads)]),
            clients.talking(said, hear='"push":'),
        )

    def _echo(self, port: int) -> Script:
        script = self._connected(port)
        return script.asking('{"id":1%n%,"unsubscribe":{"channel":"chat.' + "x" * 64 + '"}}', '"id":1%n%,')

    def _posting_by_socket(self, port: int) -> Script:
        data = {"chat": "feed", "text": text_of(0), "client_id": f"{ONCE}-%i%-%n%"}
        ask = '{"id":1%n%,"rpc":' + json.dumps({"method": "message.post", "data": data}) + "}"
        return self._connected(port).asking(ask, '"id":1%n%,"rpc"')

    def _connected(self, port: int) -> Script:
        connect = json.dumps({"id": 1, "connect": {"token": "%1%"}})
        return Script(
            port,
            "/connection/websocket",
            steps=[send(connect), expect('"id":1')],
            refuse='"error"',
            ping="{}",
            pong="{}",
            columns=self.people,
        )

    def _posting_by_rest(self, port: int) -> Script:
        return Script(
            port,
            "/api/chats/feed/messages/",
            headers=["Authorization: Token %1%", "Content-Type: application/json"],
            columns=self.people,
            is_http=True,
            ask=json.dumps({"text": text_of(0), "client_id": f"{ONCE}-%i%-%n%"}),
            answer=" 201 ",
        )


def make_site(bench: Bench) -> Site:
    """A new database, filled."""
    platform_port = free_port()
    env = {
        **os.environ,
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(bench.directory),
        "DATABASE_URL": bench.stack.create_database("parley-bench"),
        "REDIS_URL": bench.stack.redis_url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DEBUG": "false",
        "WEB_DOMAIN": "127.0.0.1",
        "HTTPS": "false",
        "LOG_LEVEL": "WARNING",
        "METRICS_TOKEN": METRICS_TOKEN,
        "EXCLUSIVE_THREADS": "false",
        "MESSENGER_PAGES": "verses",
        "MESSENGER_VERSES_PAGE_ID": calls.PAGE_ID,
        "MESSENGER_VERSES_APP_SECRET": calls.SECRET,
        "TELEGRAM_BOTS": "verses",
        "TELEGRAM_VERSES_TOKEN": answering.TOKEN,
        "TELEGRAM_VERSES_SECRET": answering.SECRET,
        "TELEGRAM_API_URL": f"http://127.0.0.1:{platform_port}",
        # Counted as ever, but nobody here is stopped: the generator posts faster than people.
        **dict.fromkeys(("POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE"), "100000000"),
    }
    size = bench.size
    seed = [sys.executable, "-m", "benchmarks.seed", str(size.people), str(size.threads)]
    made = subprocess.run(seed, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    facts = json.loads(made.stdout)
    people = [[token, str(user_id)] for token, user_id in facts["people"]]
    return Site(bench, env, platform_port, people, facts["room"], facts["threads"])


def metrics_of(port: int) -> dict[str, float]:
    """The numbers at `/metrics`, by name; those with labels are added up."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        lines = answer.read().decode().splitlines()
    numbers: dict[str, float] = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            plain = name.partition("{")[0]
            numbers[plain] = numbers.get(plain, 0.0) + float(value)
    return numbers
