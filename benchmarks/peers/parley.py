"""Parley itself: our server, the whole protocol on, PostgreSQL and Redis behind it. Also as four processes behind nginx, and
under servers that know nothing of it."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import pip
from benchmarks.debian import unpacked
from benchmarks.parley_site import Site, make_site
from benchmarks.peer import Bench, Missing, Peer, Running, daphne, started
from tests.services import free_port

PROCESSES = 4
APPLICATION = "asgi_app.asgi:application"
OURS = [sys.executable, "-m", "asgi_app.server", "-b", "127.0.0.1", "-p", "{port}"]
IN_MANY = frozenset(
    {
        "one-at-a-time",
        "in-flight",
        "paced",
        "threads",
        "talking",
        "many-sockets",
        "storm",
        "storm-room",
        "stalled",
    }
)
ON_OTHERS = frozenset({"accepting", "echo", "one-at-a-time", "in-flight"})

NGINX = """
daemon off;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
events {{ worker_connections 20000; multi_accept on; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream parley {{
        zone parley 64k;
        least_conn;
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://parley;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
            proxy_buffering off;
        }}
    }}
}}
"""

_sites: dict[Path, Site] = {}


def site_of(bench: Bench) -> Site:
    """Made once in a run, whoever needs it first."""
    if bench.directory not in _sites:
        _sites[bench.directory] = make_site(bench)
    return _sites[bench.directory]


class Parley(Peer):
    """Served by `command`, in which `{port}` is filled in."""

    def __init__(
        self,
        key: str,
        title: str,
        command: Sequence[str],
        scenarios: frozenset[str] | None = None,
        package: str = "",
    ) -> None:
        self.key, self.title, self.scenarios = key, title, scenarios
        self._command = command
        self._package = package
        """among those of `benchmarks.pip`, what it is served by"""

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        site_of(bench)
        return pip.versions(bench.cache, self._package) if self._package else {}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, site = free_port(), site_of(bench)
        command = [part.format(port=port) for part in self._command]
        env = {**site.env, **(pip.environment(bench.cache) if self._package else {})}
        with started(bench, command, port, env=env) as process:
            yield site.running(process, port)


class ManyParleys(Peer):
    """Several processes behind nginx, which shares the core of everything else; they share the server's."""

    key = "parley-4"
    title = f"Parley, {PROCESSES} processes behind nginx"
    scenarios = IN_MANY

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        if not self._nginx(bench).exists():
            raise Missing("Debian's nginx was not unpacked")
        site_of(bench)
        return {}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        site, port = site_of(bench), free_port()
        ports = [free_port() for _ in range(PROCESSES)]
        configuration = bench.directory / "front.conf"
        configuration.write_text(
            NGINX.format(
                directory=bench.directory,
                port=port,
                workers=max(2, len(bench.cores.rest)),
                servers=" ".join(f"server 127.0.0.1:{each} max_fails=0;" for each in ports),
            )
        )
        nginx = [str(self._nginx(bench)), "-p", str(bench.directory), "-c", str(configuration)]
        with contextlib.ExitStack() as ends:
            first, *others = [
                ends.enter_context(
                    started(
                        bench,
                        [part.format(port=each) for part in OURS],
                        each,
                        env=site.env,
                        log=f"server-{number}.log",
                    )
                )
                for number, each in enumerate(ports)
            ]
            ends.enter_context(started(bench, nginx, port, log="front.log", to=bench.cores.rest))
            yield site.running(first, port, ports, others=others)

    def _nginx(self, bench: Bench) -> Path:
        return unpacked(bench.cache, "nginx", "nginx-common") / "usr/sbin/nginx"


PARLEY = Parley("parley", "Parley", OURS)
IN_PROCESSES = ManyParleys()
ELSEWHERE = (
    Parley("parley-daphne", "Parley on plain Daphne", daphne(APPLICATION), ON_OTHERS),
    Parley("parley-uvicorn", "Parley on uvicorn", pip.uvicorn(APPLICATION), ON_OTHERS, "uvicorn"),
    Parley("parley-granian", "Parley on granian", pip.granian(APPLICATION), ON_OTHERS, "granian"),
)
