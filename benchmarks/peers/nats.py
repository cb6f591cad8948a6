"""nats-server, in Go, over its WebSocket port."""

import contextlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.debian import unpacked
from benchmarks.generator import Publisher
from benchmarks.peer import Bench, Missing, Peer, Running, started
from benchmarks.script import Script, expect, send
from tests.services import free_port

CONFIGURATION = """
host: 127.0.0.1
port: {port}
max_connections: 20000
websocket {{ host: 127.0.0.1, port: {websocket_port}, no_tls: true }}
"""


class Nats(Peer):
    key = "nats"
    title = "nats-server (Go)"

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        shown = subprocess.run(
            [self._program(bench), "--version"], check=False, stdout=subprocess.PIPE, text=True
        ).stdout
        found = re.search(r"v(\d\S+)", shown)
        if found is None:
            raise Missing("its server does not run here")
        return {"nats-server": found[1]}

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, websocket_port = free_port(), free_port()
        configuration = bench.directory / "nats.conf"
        configuration.write_text(CONFIGURATION.format(port=port, websocket_port=websocket_port))
        command = [str(self._program(bench)), "-c", str(configuration)]
        with started(bench, command, websocket_port) as process:
            yield Running(
                process,
                clients=Script(
                    websocket_port,
                    "/",
                    steps=[
                        expect("INFO"),
                        send('CONNECT {"verbose":false}\r\nSUB bench 1\r\nPING\r\n'),
                        expect("PONG"),
                    ],
                    refuse="-ERR",
                    ping="PING\r\n",
                    pong="PONG\r\n",
                ),
                publisher=Publisher("benchmarks.publishers.nats", [str(port)]),
            )

    def _program(self, bench: Bench) -> Path:
        return unpacked(bench.cache, "nats-server") / "usr/sbin/nats-server"


NATS = Nats()
