"""The machine: which core does what, and what there is to say about it beside a number."""

import contextlib
import os
import platform
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

IDLE_PERCENT = 5
IDLE_WITHIN_S = 20
SPARE_FILES = 200


@dataclass(frozen=True)
class Cores:
    """Where processes run: the server under test alone, the load generator alone where there are three or more, and
    everything else (publisher, PostgreSQL, Redis, ourselves) on what is left."""

    server: frozenset[int]
    generator: frozenset[int]
    rest: frozenset[int]

    def __str__(self) -> str:
        if not self.server:
            return "nothing is pinned: this system cannot, or has one core"
        where = {"server": self.server, "load generator": self.generator, "everything else": self.rest}
        return ", ".join(f"{what} on core {_numbers(cores)}" for what, cores in where.items())


def cores() -> Cores:
    if sys.platform != "linux" or len(available := sorted(os.sched_getaffinity(0))) < 2:
        return Cores(frozenset(), frozenset(), frozenset())
    first, second, *others = available
    return Cores(frozenset({first}), frozenset({second}), frozenset(others or {second}))


def pinned(command: list[str], to: frozenset[int]) -> list[str]:
    """The command, started so that it runs on these cores only; on any, where nothing can be pinned."""
    if not to:
        return command
    pin = "import os, sys; os.sched_setaffinity(0, map(int, sys.argv[1].split(','))); os.execv(sys.argv[2], sys.argv[2:])"
    return [sys.executable, "-I", "-S", "-c", pin, ",".join(map(str, sorted(to))), *command]


def pin_self(to: frozenset[int]) -> None:
    """What we start from now on runs there too, unless it is `pinned` elsewhere."""
    if to and sys.platform == "linux":
        os.sched_setaffinity(0, to)


def raise_file_limit() -> None:
    """For us and what we start: every connection is an open file, and the usual soft limit is 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems call "no limit" what they then refuse to set.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def allowed_files() -> int:
    """How many files a process may have open."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else allowed


class TooFewFiles(Exception):
    """This machine does not let a process have as many open files as a measurement needs."""


def require_files(connections: int) -> None:
    """Raises `TooFewFiles` unless a process may have so many connections. Call `raise_file_limit` first."""
    allowed = allowed_files()
    if allowed < connections + SPARE_FILES:
        raise TooFewFiles(
            f"{connections} connections need {connections + SPARE_FILES} open files, and this machine allows {allowed}"
        )


def wait_until_idle(pids: Sequence[int]) -> None:
    """Until the processes have done what the clients before have left them with: closing thousands takes a while."""
    deadline = time.monotonic() + IDLE_WITHIN_S
    for pid in pids:
        process = psutil.Process(pid)
        while process.cpu_percent(interval=0.3) > IDLE_PERCENT and time.monotonic() < deadline:
            pass


def description() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    system = (
        platform.freedesktop_os_release()["PRETTY_NAME"] if sys.platform == "linux" else platform.platform()
    )
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {system}, kernel {platform.release()}"
    )


def python_versions() -> dict[str, str]:
    names = (
        "django",
        "channels",
        "channels-redis",
        "daphne",
        "twisted",
        "autobahn",
        "redis",
        "djangorestframework",
    )
    return {"Python": platform.python_version(), **{name: version(name) for name in names}}


def load_of_others() -> float:
    """How many cores were in use, before we began, by processes that are not ours."""
    return psutil.cpu_percent(interval=0.5) / 100 * (os.cpu_count() or 1)


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    for line in facts.read_text().splitlines() if facts.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _numbers(some: frozenset[int]) -> str:
    return "+".join(map(str, sorted(some)))
