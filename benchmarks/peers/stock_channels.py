"""The chat of Channels' tutorial on plain Daphne, on either layer of channels_redis."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import calls
from benchmarks.generator import Publisher
from benchmarks.peer import ROOT, Bench, Peer, Running, started
from benchmarks.publishers.serving import text_of
from benchmarks.scenarios.posting import WRITERS
from benchmarks.script import Script
from tests.services import free_port


class StockChannels(Peer):
    def __init__(self, key: str, title: str, layer: str) -> None:
        self.key, self.title, self._layer = key, title, layer
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
        return {}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port = free_port()
        daphne = str(Path(sys.executable).with_name("daphne"))
        command = [
            daphne,
            "-b",
            "127.0.0.1",
            "-p",
            str(port),
            "-v",
            "0",
            "benchmarks.stock_site.asgi:application",
        ]
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
                clients=Script(port, "/ws/chat/bench/", headers=[f"Origin: http://127.0.0.1:{port}"]),
                publisher=Publisher("benchmarks.publishers.channel_layer", env=self._env),
                posting={
                    "rest": posting,
                    "socket": posting,
                    "webhook": calls.calls(port, "/webhook/", bench.size),
                },
            )


CORE = StockChannels(
    "stock-core", "stock Channels on Daphne, core layer", "channels_redis.core.RedisChannelLayer"
)
PUBSUB = StockChannels(
    "stock-pubsub", "stock Channels on Daphne, pub/sub layer", "channels_redis.pubsub.RedisPubSubChannelLayer"
)
