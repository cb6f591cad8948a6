"""What a server under test is to the scenarios. A new one is one file in `peers/` and one line in its registry."""

import contextlib
import os
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.generator import Failed, Generator, Pids, Publisher
from benchmarks.machine import Cores, pinned
from benchmarks.script import Script
from benchmarks.size import Size
from benchmarks.stack import Stack
from tests.kept_process import KeptProcess

ROOT = Path(__file__).resolve().parent.parent
STARTUP_S = 30


class Missing(Exception):
    """A peer cannot be measured here; the text is one sentence that says why."""


@dataclass(frozen=True)
class Bench:
    """What peers and scenarios work with. `directory` is this run's own; `cache` stays."""

    size: Size
    cores: Cores
    stack: Stack
    generator: Generator
    directory: Path
    cache: Path


@dataclass(frozen=True)
class Answering:
    """A bot behind a webhook: where its platform is expected, where the platform calls, and what a worker needs to know."""

    platform_port: int
    url: str
    env: Mapping[str, str]


@dataclass(frozen=True)
class Returning:
    """Clients that come back to a stream: their script says with `%o%` where they were in its log.

    `position` is where the log ends now; `reads` is how often logs have been read at the database so far.
    """

    script: Script
    publisher: Publisher
    position: Callable[[], int]
    reads: Callable[[], int]


@dataclass(frozen=True)
class Threads:
    """Chats of two. Connection i and connection i + (half of all) are in the same one; the publisher puts number n into the
    thread n modulo their number. `talking` is one who talks with the other."""

    clients: Script
    publisher: Publisher
    talking: Script


@dataclass(frozen=True)
class Running:
    """A server that runs. What it is not asked about (None, or absent) it cannot do.

    `clients` become subscribers of what `publisher` publishes; `ready_publishers`, by how many events they are asked for at
    once, have them ready before, if there is a log to write first. `recovering` do the same as `clients` from a position
    that is one event behind now.
    `posting` are writers, by the way they write: each asks for one message to be stored and told. `echo` is asked for
    what it is told. `metrics` are the server's own numbers, one dictionary for each of its processes.
    """

    process: KeptProcess
    clients: Script | None = None
    publisher: Publisher | None = None
    ready_publishers: Mapping[int, Publisher] = field(default_factory=dict)
    recovering: Callable[[], Script] | None = None
    posting: Mapping[str, Script] = field(default_factory=dict)
    bot: Answering | None = None
    echo: Script | None = None
    threads: Threads | None = None
    returning: Mapping[str, Returning] = field(default_factory=dict)
    metrics: Callable[[], list[dict[str, float]]] | None = None
    others: Sequence[KeptProcess] = ()
    """where a server is more than one process: the rest of them"""

    @property
    def pids(self) -> Pids:
        return [self.process.pid, *(each.pid for each in self.others)]


class Peer(ABC):
    """A server to measure."""

    key: str
    title: str
    scenarios: frozenset[str] | None = None
    """the only ones that it is there for; None: all that it can do"""
    is_limit = False
    """whether it shows what the machine and the generator can take, and is not a server to be used"""

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        """Installs what is needed, once in a run, and tells versions. Raises `Missing`."""
        return {}

    @abstractmethod
    def running(self, bench: Bench) -> contextlib.AbstractContextManager[Running]:
        """The server, ready, until the end of the `with`."""


@contextlib.contextmanager
def started(
    bench: Bench,
    command: Sequence[str],
    port: int,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    log: str = "server.log",
    to: frozenset[int] | None = None,
) -> Iterator[KeptProcess]:
    """The command on the server's core (or those of `to`), listening on `port`, until the end of the `with`."""
    process = KeptProcess(
        pinned(list(command), bench.cores.server if to is None else to),
        log=bench.directory / log,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        directory=bench.directory,
    )
    try:
        deadline = time.monotonic() + STARTUP_S
        while not _listens(port):
            if not process.is_running() or time.monotonic() > deadline:
                raise Failed(f"the server did not start:\n{process.log_tail()}")
            time.sleep(0.05)
        yield process
    finally:
        # What it has started would outlive it: granian's and nginx's workers do.
        started_by_it = _children(process.pid)
        process.kill()
        for child in started_by_it:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def daphne(application: str) -> list[str]:
    """Plain Daphne, in which `{port}` is to be filled in."""
    program = str(Path(sys.executable).with_name("daphne"))
    return [program, "-b", "127.0.0.1", "-p", "{port}", "-v", "0", application]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
