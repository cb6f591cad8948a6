"""The limit of the machine: a bare epoll loop in C (`native/broadcaster.c`), which also shows what the generator can take."""

import contextlib
from collections.abc import Iterator, Mapping

from benchmarks.generator import Publisher, build
from benchmarks.peer import Bench, Missing, Peer, Running, started
from benchmarks.script import Script
from tests.services import free_port

# A message of Parley's with a text of 200 bytes, without its frame's header.
AS_PARLEY_BYTES = 485


class Broadcaster(Peer):
    is_limit = True

    def __init__(
        self,
        key: str,
        title: str,
        mode: str,
        scenarios: frozenset[str] | None = None,
        at_least_bytes: int = 0,
    ) -> None:
        self.key, self.title, self.scenarios = key, title, scenarios
        self._mode = mode
        self._at_least_bytes = at_least_bytes

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        if build("broadcaster", bench.cache) is None:
            raise Missing("the bare broadcaster needs Linux and a C compiler")
        return {}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, publish_port = free_port(), free_port()
        command = [str(build("broadcaster", bench.cache)), str(port), str(publish_port), self._mode]
        with started(bench, command, publish_port) as process:
            yield Running(
                process,
                clients=Script(port, "/"),
                publisher=Publisher(
                    "benchmarks.publishers.broadcaster", [str(publish_port), str(self._at_least_bytes)]
                ),
            )


BROADCASTER = Broadcaster("broadcaster", "bare C loop, one send per delivery", "each")
JOINING_BROADCASTER = Broadcaster(
    "broadcaster-joining", "bare C loop, joined sends", "join", frozenset({"in-flight"})
)
JOINING_AS_MUCH = Broadcaster(
    "broadcaster-as-much",
    "bare C loop, joined sends, as long as Parley's",
    "join",
    frozenset({"in-flight"}),
    AS_PARLEY_BYTES,
)
