"""Parley itself: our server, the whole protocol on, PostgreSQL and Redis behind it."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping

import psycopg2

from benchmarks import calls
from benchmarks.generator import Publisher
from benchmarks.peer import ROOT, Answering, Bench, Peer, Running, started
from benchmarks.publishers.serving import text_of
from benchmarks.scenarios import answering
from benchmarks.scenarios.posting import WRITERS
from benchmarks.script import Script, expect, send
from tests.services import free_port


class Parley(Peer):
    key = "parley"
    title = "Parley"

    def __init__(self) -> None:
        self._env: dict[str, str] = {}
        self._people: list[list[str]] = []
        self._database_url = ""
        self._platform_port = free_port()

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        self._database_url = bench.stack.create_database("parley-bench")
        self._env = {
            **os.environ,
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(bench.directory),
            "DATABASE_URL": self._database_url,
            "REDIS_URL": bench.stack.redis_url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DEBUG": "false",
            "WEB_DOMAIN": "127.0.0.1",
            "HTTPS": "false",
            "LOG_LEVEL": "WARNING",
            "MESSENGER_PAGES": "verses",
            "MESSENGER_VERSES_PAGE_ID": calls.PAGE_ID,
            "MESSENGER_VERSES_APP_SECRET": calls.SECRET,
            "TELEGRAM_BOTS": "verses",
            "TELEGRAM_VERSES_TOKEN": answering.TOKEN,
            "TELEGRAM_VERSES_SECRET": answering.SECRET,
            "TELEGRAM_API_URL": f"http://127.0.0.1:{self._platform_port}",
            # Counted as ever, but nobody here is stopped: the generator posts faster than people.
            **dict.fromkeys(("POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE"), "100000000"),
        }
        size = bench.size
        wanted = max(size.connections, size.accepted, WRITERS, *size.idle_connections)
        seed = [sys.executable, "-m", "benchmarks.seed", str(wanted)]
        made = subprocess.run(seed, env=self._env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        self._people = [line.split("\t") for line in made.stdout.splitlines()]
        return {}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port = free_port()
        command = [sys.executable, "-m", "asgi_app.server", "-b", "127.0.0.1", "-p", str(port)]
        epoch, seq = self._position()
        with started(bench, command, port, env=self._env) as process:
            yield Running(
                process,
                clients=self._script(port),
                publisher=Publisher("benchmarks.publishers.parley", ["person0"], self._env),
                recovering=self._script(port, recover=True, epoch=epoch, offset=seq - 1),
                posting={
                    "socket": self._posting_by_socket(port),
                    "rest": self._posting_by_rest(port),
                    "webhook": calls.calls(port, "/webhooks/messenger/verses/", bench.size),
                },
                bot=Answering(
                    self._platform_port, f"http://127.0.0.1:{port}/webhooks/telegram/verses/", self._env
                ),
            )

    def _script(self, port: int, **feed_from: object) -> Script:
        commands = (
            {"id": 1, "connect": {"token": "%1%"}},
            {"id": 2, "subscribe": {"channel": "chat.feed", **feed_from}},
            {"id": 3, "subscribe": {"channel": "user.%2%"}},
        )
        # In one frame, as the SDKs do; the replies come one by one, in order.
        followed = '"recovered":true' if feed_from else '"id":2'
        steps = [send("\n".join(map(json.dumps, commands))), *map(expect, ('"id":1', followed, '"id":3'))]
        return Script(
            port,
            "/connection/websocket",
            steps=steps,
            refuse='"error"',
            ping="{}",
            pong="{}",
            columns=self._people,
        )

    def _posting_by_socket(self, port: int) -> Script:
        data = {"chat": "feed", "text": text_of(0), "client_id": f"{_once()}-%i%-%n%"}
        connect = json.dumps({"id": 1, "connect": {"token": "%1%"}})
        return Script(
            port,
            "/connection/websocket",
            steps=[send(connect), expect('"id":1')],
            refuse='"error"',
            ping="{}",
            pong="{}",
            columns=self._people,
            ask='{"id":1%n%,"rpc":' + json.dumps({"method": "message.post", "data": data}) + "}",
            answer='"id":1%n%,"rpc"',
        )

    def _posting_by_rest(self, port: int) -> Script:
        return Script(
            port,
            "/api/chats/feed/messages/",
            headers=["Authorization: Token %1%", "Content-Type: application/json"],
            columns=self._people,
            is_http=True,
            ask=json.dumps({"text": text_of(0), "client_id": f"{_once()}-%i%-%n%"}),
            answer=" 201 ",
        )

    def _position(self) -> tuple[str, int]:
        """The end of the feed's log. Read from the tables: REST would need a server that runs."""
        with (
            contextlib.closing(psycopg2.connect(self._database_url)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT epoch, last_seq FROM messaging_deployment, messaging_chat WHERE uri = 'feed'"
            )
            epoch, seq = cursor.fetchone() or ("", 0)
        return epoch, seq


def _once() -> str:
    """Begins the keys of one measurement: a key that was used before would get the first answer and post nothing."""
    return secrets.token_hex(4)


PARLEY = Parley()
