"""Owns real servers for tests: `python -m asgi_app.server` on the test database and the test Redis.

Such tests are transactional (`django_db(transaction=True)`, or the fixture `transactional_db`): a server sees only what
is committed. Everything that waits is asynchronous, so that a test's own clients go on meanwhile.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psutil
import pytest
from django.db import connection

from tests.kept_process import KeptProcess
from tests.services import ROOT, SERVICES, free_port

STARTUP_S = 30
OURS = ("asgi_app.server", "-b", "127.0.0.1")
"""A module and its arguments; `{port}` in them is the server's."""


class LiveServer:
    """One server process on a port of its own, which it keeps over restarts."""

    def __init__(
        self,
        *,
        database_url: str,
        env: Mapping[str, str],
        log: Path,
        command: Sequence[str] = OURS,
        tree: Path = ROOT,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._env = {
            **os.environ,
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "WEB_DOMAIN": f"127.0.0.1:{self.port}",
            "LOG_LEVEL": "INFO",
            "PYTHONUNBUFFERED": "1",
            # Compiled once: with this set in the environment, each start would take twice as long.
            "PYTHONDONTWRITEBYTECODE": "",
            **env,
        }
        self._command = command
        self._tree = tree
        self._log = log
        self._process: KeptProcess | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running()

    @property
    def rss_bytes(self) -> int:
        return int(psutil.Process(self.pid).memory_info().rss)

    async def start(self) -> None:
        """Starts it and returns when it says that it is ready."""
        if self._process is not None and self._process.is_running():
            raise RuntimeError("the server is running already")
        self._process = await asyncio.to_thread(
            KeptProcess,
            [sys.executable, "-m", *(part.format(port=self.port) for part in self._command)],
            log=self._log,
            env=self._env,
            cwd=self._tree,
            directory=SERVICES.directory,
        )
        deadline = time.monotonic() + STARTUP_S
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            while True:
                try:
                    if (await client.get("/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                if not self._process.is_running() or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"the server did not become ready. The end of its log:\n{self.log_tail()}"
                    )
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """Kills it with SIGKILL."""
        await asyncio.to_thread(self._running().kill)

    def begin_termination(self) -> None:
        """Sends SIGTERM and does not wait; `exited` does."""
        self._running().send_signal(signal.SIGTERM)

    async def exited(self, timeout_s: float = 30) -> int:
        """Waits for its end and returns the exit code, negative for a signal."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, timeout_s)

    async def terminate(self, timeout_s: float = 30) -> int:
        """SIGTERM, and waits for the end."""
        self.begin_termination()
        return await self.exited(timeout_s)

    def freeze(self) -> None:
        """It stops running and keeps its sockets, as an overloaded process does."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def log_tail(self, lines: int = 60) -> str:
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    async def close(self) -> None:
        """Ends it for good. The log is printed: pytest shows it if the test failed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(self._process.kill)
        sys.stdout.write(f"--- log of the server at {self.url}\n{self.log_tail()}\n")

    def _running(self) -> KeptProcess:
        if self._process is None or not self._process.is_running():
            raise RuntimeError(f"the server is not running. The end of its log:\n{self.log_tail()}")
        return self._process


@pytest.fixture(scope="session")
def _collected_static_files() -> None:
    environment = {**os.environ, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdin=subprocess.DEVNULL)


def address_of_database() -> str:
    """The address of the test database, for another process."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    return urlunsplit(
        urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    )


@pytest.fixture
def database_url(transactional_db: None) -> str:
    return address_of_database()


@pytest.fixture
async def start_server(
    database_url: str, tmp_path: Path, _collected_static_files: None
) -> AsyncIterator[Callable[..., Awaitable[LiveServer]]]:
    """A function that starts servers; its keyword arguments are settings, e.g. EVENT_RETENTION_DAYS="1"."""
    servers: list[LiveServer] = []

    async def start(**env: str) -> LiveServer:
        server = LiveServer(database_url=database_url, env=env, log=tmp_path / f"server-{len(servers)}.log")
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def server(start_server: Callable[..., Awaitable[LiveServer]]) -> LiveServer:
    """One running server."""
    return await start_server()
