"""A native ASGI application (`benchmarks/native_asgi.py`) on the servers that there are for such."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

from benchmarks import pip
from benchmarks.generator import Publisher
from benchmarks.peer import Bench, Peer, Running, daphne, started
from benchmarks.publishers.serving import text_of
from benchmarks.script import Script
from tests.services import free_port

APPLICATION = "benchmarks.native_asgi:application"


class NativeAsgi(Peer):
    scenarios = frozenset({"accepting", "echo", "one-at-a-time", "in-flight"})

    def __init__(self, server: str, command: Sequence[str]) -> None:
        self.key, self.title = f"asgi-{server.lower()}", f"native ASGI on {server}"
        self._server = server
        self._command = command

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        return pip.versions(bench.cache, self._server, "uvloop")

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, redis_url = free_port(), bench.stack.redis_url
        command = [part.format(port=port) for part in self._command]
        env = {**os.environ, **pip.environment(bench.cache), "BENCH_REDIS_URL": redis_url}
        with started(bench, command, port, env=env) as process:
            yield Running(
                process,
                clients=Script(port, "/"),
                publisher=Publisher("benchmarks.publishers.redis_channel", [redis_url, "bench", "text"]),
                echo=Script(port, "/echo").asking(f"%n%{text_of(0)}", "%n%"),
            )


ON_DAPHNE = NativeAsgi("Daphne", daphne(APPLICATION))
ON_UVICORN = NativeAsgi("uvicorn", pip.uvicorn(APPLICATION))
ON_GRANIAN = NativeAsgi("granian", pip.granian(APPLICATION))
