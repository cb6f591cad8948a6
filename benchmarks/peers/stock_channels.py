"""The chat of Channels' tutorial on plain Daphne, on either layer of channels_redis."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from benchmarks import calls, pip
from benchmarks.generator import Publisher
from benchmarks.peer import ROOT, Bench, Peer, Running, Threads, daphne, started
from benchmarks.publishers.serving import text_of
from benchmarks.scenarios.posting import WRITERS
from benchmarks.script import Script
from tests.services import free_port

APPLICATION = "benchmarks.stock_site.asgi:application"
DAPHNE = daphne(APPLICATION)
ELSEWHERE = frozenset({"accepting", "echo", "one-at-a-time", "in-flight"})


class StockChannels(Peer):
    def __init__(
        self,
        key: str,
        title: str,
        layer: str,
        *,
        command: Sequence[str] = DAPHNE,
        package: str = "",
        scenarios: frozenset[str] | None = None,
    ) -> None:
        self.key, self.title, self.scenarios = key, title, scenarios
        self._layer = layer
        self._command = command
        self._package = package
        """among those of `benchmarks.pip`, what it is served by"""
        self._env: dict[str, str] = {}
        self._tokens: list[str] = []

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        database = urlsplit(bench.stack.create_database(self.key))
        facts = {
            "HOST": database.hostname,
            "PORT": database.port,
            "NAME": database.path.lstrip("/"),
            "USER": database.username,
            "PASSWORD": database.password,
        }
        self._env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.stock_site.settings",
            "STOCK_DATABASE": json.dumps(facts),
            "STOCK_LAYER": self._layer,
            "STOCK_REDIS_URL": bench.stack.redis_url,
        }
        seed = [sys.executable, "-m", "benchmarks.stock_site.seed", str(WRITERS)]
        made = subprocess.run(seed, env=self._env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        self._tokens = made.stdout.split()
        if not self._package:
            return {}
        self._env |= pip.environment(bench.cache)
        return pip.versions(bench.cache, self._package)

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port = free_port()
        command = [part.format(port=port) for part in self._command]
        origin = [f"Origin: http://127.0.0.1:{port}"]
        posting = Script(
            port,
            "/messages/",
            headers=["Authorization: Token %1%", "Content-Type: application/json"],
            columns=[[token] for token in self._tokens],
            is_http=True,
            ask=json.dumps({"text": text_of(0)}),
            answer=" 201 ",
        )
        with started(bench, command, port, env=self._env) as process:
            yield Running(
                process,
                clients=Script(port, "/ws/chat/bench/", headers=origin),
                publisher=Publisher("benchmarks.publishers.channel_layer", env=self._env),
                posting={
                    "rest": posting,
                    "socket": posting,
                    "webhook": calls.calls(port, "/webhook/", bench.size),
                },
                echo=Script(port, "/ws/echo/", headers=origin).asking(f"%n%{text_of(0)}", "%n%"),
                threads=self._threads(bench, port, origin),
            )

    def _threads(self, bench: Bench, port: int, origin: list[str]) -> Threads:
        threads = bench.size.threads
        clients = Script(
            port,
            "/ws/chat/bench%1%/",
            headers=origin,
            columns=[[str(at % threads)] for at in range(2 * threads)],
        )
        said = json.dumps({"message": "~%m%~".ljust(193, "x")})
        publisher = Publisher("benchmarks.publishers.channel_layer", [str(threads)], self._env)
        return Threads(clients, publisher, clients.talking(said))


PUBSUB_LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"
CORE = StockChannels(
    "stock-core", "stock Channels on Daphne, core layer", "channels_redis.core.RedisChannelLayer"
)
PUBSUB = StockChannels("stock-pubsub", "stock Channels on Daphne, pub/sub layer", PUBSUB_LAYER)
ON_UVICORN = StockChannels(
    "stock-uvicorn",
    "stock Channels on uvicorn, pub/sub layer",
    PUBSUB_LAYER,
    command=pip.uvicorn(APPLICATION),
    package="uvicorn",
    scenarios=ELSEWHERE,
)
ON_GRANIAN = StockChannels(
    "stock-granian",
    "stock Channels on granian, pub/sub layer",
    PUBSUB_LAYER,
    command=pip.granian(APPLICATION),
    package="granian",
    scenarios=ELSEWHERE,
)
