"""`ws` on Node with Redis: the plainest broadcaster that people write."""

import contextlib
from collections.abc import Iterator, Mapping

from benchmarks import npm
from benchmarks.generator import Publisher
from benchmarks.peer import Bench, Peer, Running, started
from benchmarks.script import Script
from tests.services import free_port


class Ws(Peer):
    key = "ws"
    title = "ws (Node) with Redis"

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        return npm.versions(bench.cache, "ws")

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, redis_url = free_port(), bench.stack.redis_url
        command = npm.command("ws.cjs", port, redis_url)
        with started(bench, command, port, env=npm.environment(bench.cache)) as process:
            yield Running(
                process,
                clients=Script(port, "/"),
                publisher=Publisher("benchmarks.publishers.redis_channel", [redis_url, "bench", "text"]),
            )


WS = Ws()
