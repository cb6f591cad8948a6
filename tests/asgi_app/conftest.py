"""What the server's own tests get: a real process that serves `strange_site`."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.asgi_app.raw import wait_for
from tests.kept_process import KeptProcess
from tests.services import ROOT, SERVICES, free_port

OURS = ("-m", "tests.asgi_app.serve_strange_site")
PLAIN_DAPHNE = ("-m", "daphne", "--verbosity", "0", "tests.asgi_app.strange_site:application")
STARTUP_S = 30


class ServerProcess:
    """A server on a port of its own."""

    def __init__(self, log: Path, command: tuple[str, ...] = OURS, **env: str) -> None:
        self.port = free_port()
        # A Redis that is not there keeps the worker out of the server; the site needs neither.
        defaults = {"REDIS_URL": "redis://127.0.0.1:1/0", "LOG_LEVEL": "INFO", "PYTHONUNBUFFERED": "1"}
        self.process = KeptProcess(
            [sys.executable, *command, "-b", "127.0.0.1", "-p", str(self.port)],
            log=log,
            env={**os.environ, **defaults, **env},
            cwd=ROOT,
            directory=SERVICES.directory,
        )
        wait_for(lambda: self.accepts() or not self.process.is_running(), STARTUP_S)
        assert self.process.is_running(), self.process.log_tail()

    def accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """SIGTERM, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def log(self) -> str:
        return self.process.log_tail(1000)

    def close(self) -> None:
        if self.process.is_running():
            self.process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for a file's tests, which must survive them all."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "log")
    yield process
    assert process.process.is_running(), process.log()
    process.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers that the test may end."""
    started: list[ServerProcess] = []

    def start_one(command: tuple[str, ...] = OURS, **env: str) -> ServerProcess:
        started.append(ServerProcess(tmp_path / f"log-{len(started)}", command, **env))
        return started[-1]

    yield start_one
    for process in started:
        process.close()
        sys.stdout.write(process.log())
