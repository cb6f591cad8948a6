"""Socket.IO 4 on Node with its Redis adapter."""

import contextlib
from collections.abc import Iterator, Mapping

from benchmarks import npm
from benchmarks.generator import Publisher
from benchmarks.peer import Bench, Peer, Running, started
from benchmarks.script import Script, expect, send
from tests.services import free_port

# Where another process publishes to the room `bench` of the default namespace.
CHANNEL = "socket.io#/#bench#"


class SocketIo(Peer):
    key = "socketio"
    title = "Socket.IO (Node) with the Redis adapter"

    def prepare(self, bench: Bench) -> Mapping[str, str]:
        return npm.versions(bench.cache, "socket.io", "@socket.io/redis-adapter")

    @contextlib.contextmanager
    def running(self, bench: Bench) -> Iterator[Running]:
        port, redis_url = free_port(), bench.stack.redis_url
        command = npm.command("socketio.cjs", port, redis_url)
        with started(bench, command, port, env=npm.environment(bench.cache)) as process:
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
                publisher=Publisher("benchmarks.publishers.redis_channel", [redis_url, CHANNEL, "socketio"]),
            )


SOCKETIO = SocketIo()
