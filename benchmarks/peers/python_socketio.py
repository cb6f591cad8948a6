"""python-socketio on uvicorn, with its Redis manager."""

import contextlib
import os
from collections.abc import Iterator, Mapping

from benchmarks import pip
from benchmarks.generator import Publisher
from benchmarks.peer import Bench, Peer, Running, started
from benchmarks.script import Script, expect, send
from tests.services import free_port


class PythonSocketIo(Peer):
    key = "python-socketio"
    title = "python-socketio on uvicorn, Redis manager"

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        return pip.versions(bench.cache, "python-socketio", "uvicorn", "uvloop")

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, redis_url = free_port(), bench.stack.redis_url
        command = [part.format(port=port) for part in pip.uvicorn("benchmarks.python_socketio:application")]
        env = {**os.environ, **pip.environment(bench.cache), "BENCH_REDIS_URL": redis_url}
        with started(bench, command, port, env=env) as process:
            yield Running(
                process,
                clients=Script(
                    port,
                    "/socket.io/?EIO=4&transport=websocket",
                    steps=[expect("0{"), send("40"), expect("40{")],
                    refuse="44{",
                    ping="2",
                    pong="3",
                ),
                publisher=Publisher("benchmarks.publishers.python_socketio", [redis_url], env),
            )


PYTHON_SOCKETIO = PythonSocketIo()
