"""The load generator as scenarios use it: builds the native one, or falls back to a slow one in Python, and runs it."""

import contextlib
import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import Cores, pinned
from benchmarks.script import Script

NATIVE = Path(__file__).parent / "native"
SLOTS = 1 << 16
TIMES_BYTES = SLOTS * 16
PUBLISHER_STARTUP_S = 20
LOOK_EVERY_S = 0.1

Report = dict[str, Any]
"""What the generator printed, and what `Watch` saw meanwhile."""


Beside = Callable[[int], contextlib.AbstractContextManager[None]]
Pids = Sequence[int]
"""The processes that are the server under test, whatever they have started included. The first is the one to profile."""


class Failed(Exception):
    """A measurement could not be made: the generator, a publisher or a server could not go on. The text says why."""


@dataclass(frozen=True)
class Publisher:
    """A process that publishes into a server when it is asked to (`benchmarks.publishers`)."""

    module: str
    arguments: Sequence[str] = ()
    env: Mapping[str, str] | None = None
    ahead: int = 1
    """how many events it makes ready at a time, before they are asked for; 1: none"""


def build(name: str, directory: Path) -> Path | None:
    """A native program, compiled if its sources have changed. None: this machine has no C compiler, or is no Linux."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None or sys.platform != "linux":
        return None
    sources = [NATIVE / f"{name}.c", *sorted(NATIVE.glob("*.h"))]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    program = directory / f"{name}-{digest}"
    if not program.exists():
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(".unfinished")
        subprocess.run([compiler, "-O2", "-o", unfinished, sources[0]], check=True)
        unfinished.rename(program)
    return program


class Generator:
    """Runs the generator, the native `program` or (None) the slow one, against one server at a time."""

    def __init__(self, program: Path | None, where: Cores) -> None:
        self.is_native = program is not None
        self._command = [str(program)] if program else [sys.executable, "-m", "benchmarks.slow_loadgen"]
        self._cores = where
        self.beside: Beside = _nothing
        """entered with the server's process id for as long as it is measured"""

    @property
    def description(self) -> str:
        if self.is_native:
            return "native/loadgen.c; its own processor time is in every row"
        return "slow_loadgen.py, for want of Linux and a C compiler: it may be what limits fast servers"

    def flow(self, mode: str, script: Script, publisher: Publisher, pids: Pids, **settings: object) -> Report:
        """`fanout` or `paced`: events that a publisher puts into the server, on their way to every connection."""
        with self._files() as directory, self._publisher(publisher, directory) as publish_fd:
            arguments = self._arguments(
                mode, script, directory, times=directory / "times", publish=publish_fd, **settings
            )
            return self._run(arguments, pids, pass_fds=(publish_fd,))

    def ask(self, script: Script, pids: Pids, **settings: object) -> Report:
        """Every connection asks, and asks again when it is answered."""
        with self._files() as directory:
            return self._run(self._arguments("ask", script, directory, **settings), pids)

    def talk(self, script: Script, pids: Pids, **settings: object) -> Report:
        """They talk with each other, by twos."""
        with self._files() as directory:
            return self._run(self._arguments("talk", script, directory, **settings), pids)

    @contextlib.contextmanager
    def holding(
        self, script: Script, pids: Pids, publisher: Publisher | None = None, **settings: object
    ) -> Iterator["Held"]:
        """Connections that stay, and what befalls them (`native/drill.h`; the slow one can only open them)."""
        with contextlib.ExitStack() as ends:
            directory = ends.enter_context(self._files())
            pass_fds: Sequence[int] = ()
            if publisher is not None:
                publish_fd = ends.enter_context(self._publisher(publisher, directory))
                settings |= {"publish": publish_fd, "times": directory / "times"}
                pass_fds = (publish_fd,)
            arguments = self._arguments("hold", script, directory, **settings)
            process = ends.enter_context(
                subprocess.Popen(
                    arguments,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    pass_fds=pass_fds,
                )
            )
            ends.callback(process.kill)
            yield Held(process, pids, self.beside)

    @contextlib.contextmanager
    def _files(self) -> Iterator[Path]:
        # In memory where that is possible: the publisher's times must not wait for a disk.
        memory = Path("/dev/shm")  # noqa: S108 - a directory is made in it
        with tempfile.TemporaryDirectory(
            prefix="parley-bench-", dir=memory if memory.is_dir() else None
        ) as made:
            yield Path(made)

    def _arguments(self, mode: str, script: Script, directory: Path, **settings: object) -> list[str]:
        named = [f"{name}={value}" for name, value in settings.items()]
        return pinned([*self._command, mode, *script.write(directory), *named], self._cores.generator)

    def _run(self, arguments: Sequence[str], pids: Pids, pass_fds: Sequence[int] = ()) -> Report:
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=pass_fds
        ) as process:
            try:
                _line_of(process)  # it measures from now on
                with self.beside(pids[0]):
                    watch = Watch(pids)
                    report = _line_of(process)
                    return {**report, **watch.seen()}
            finally:
                process.kill()

    @contextlib.contextmanager
    def _publisher(self, publisher: Publisher, directory: Path) -> Iterator[int]:
        (directory / "times").write_bytes(bytes(TIMES_BYTES))
        command = [
            *(sys.executable, "-m", publisher.module, str(directory / "times")),
            *publisher.arguments,
        ]
        requests, publish_fd = os.pipe()
        with (
            (directory / "publisher.log").open("w+") as log,
            subprocess.Popen(
                command, stdin=requests, stdout=subprocess.PIPE, stderr=log, env=publisher.env
            ) as process,
        ):
            os.close(requests)
            try:
                assert process.stdout is not None
                if process.stdout.readline() != b"ready\n":
                    process.wait(PUBLISHER_STARTUP_S)
                    raise Failed(f"the publisher did not start:\n{_tail(directory / 'publisher.log')}")
                yield publish_fd
            except Failed as failure:
                if log_tail := _tail(directory / "publisher.log"):
                    raise Failed(f"{failure}\nThe publisher's log ends:\n{log_tail}") from None
                raise
            finally:
                with contextlib.suppress(OSError):
                    os.close(publish_fd)
                process.kill()


class Held:
    """Connections that are open until the `holding` ends."""

    def __init__(self, process: "subprocess.Popen[str]", pids: Pids, beside: Beside) -> None:
        self._process = process
        self._pids = pids
        self._beside = beside

    def open(self, connections: int) -> Report:
        """Opens more, up to this many altogether."""
        return self.do(f"open {connections}")

    def do(self, command: str, is_enough: Callable[[], bool] | None = None) -> Report:
        """What became of it. `is_enough` is asked ten times a second meanwhile; a `pace` ends when it says so."""
        assert self._process.stdin is not None
        with self._beside(self._pids[0]):
            watch = Watch(self._pids)
            self._tell(command)
            while is_enough is not None and not self._has_answered(LOOK_EVERY_S):
                if is_enough():
                    self._tell("enough")
                    is_enough = None
            report = _line_of(self._process)
            return {**report, **watch.seen()}

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _has_answered(self, within_s: float) -> bool:
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout.fileno()], [], [], within_s)[0])


class Watch:
    """Who uses the processors, from now on until it is asked."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self._begun = time.monotonic()
        self._ended_s, self._ours_s, self._all_s = _cpu_s_of_ended(), _cpu_s_of_ours(), _cpu_s_of_all()

    def seen(self) -> dict[str, float]:
        """In cores: what the server used, and what was used by processes that we did not start."""
        wall_s = max(time.monotonic() - self._begun, 1e-9)
        before_s, ours_s = self._ours_s, _cpu_s_of_ours()
        server_s = sum(
            ours_s[pid] - before_s.get(pid, 0.0) for pid in with_children(self._pids) if pid in ours_s
        )
        used_s = sum(cpu_s - before_s.get(pid, 0.0) for pid, cpu_s in ours_s.items())
        return {
            "server_cores": server_s / wall_s,
            "other_cores": max(
                0.0, (_cpu_s_of_all() - self._all_s - used_s - self._ended_meanwhile_s(ours_s)) / wall_s
            ),
        }

    def _ended_meanwhile_s(self, ours_s: Mapping[int, float]) -> float:
        """What processes of ours have used since that are gone. A PostgreSQL whose clients connect for each request has one
        for each of them.
        """
        counted_s = sum(cpu_s for pid, cpu_s in self._ours_s.items() if pid not in ours_s)
        return _cpu_s_of_ended() - self._ended_s - counted_s


def _cpu_s_of_ours() -> dict[int, float]:
    """By process: ourselves, what we started, what these started, and so on."""
    us = psutil.Process()
    used: dict[int, float] = {}
    for process in (us, *us.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
    return used


def with_children(pids: Pids) -> Iterator[int]:
    """These processes, and what they have started."""
    for pid in pids:
        yield pid
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from (child.pid for child in psutil.Process(pid).children(recursive=True))


def _cpu_s_of_ended() -> float:
    """What those of ours have used that have ended and were waited for. Linux alone says so."""
    us = psutil.Process()
    used_s = 0.0
    for process in (us, *us.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used_s += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return used_s


def _cpu_s_of_all() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0) - getattr(times, "guest", 0))


@contextlib.contextmanager
def _nothing(server_pid: int) -> Iterator[None]:
    yield


def _line_of(process: "subprocess.Popen[str]") -> Report:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise Failed(process.stderr.read().strip() or "the load generator ended without a word")
    report: Report = json.loads(line)
    return report


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
