"""A connection to Redis without redis-py's turns of the event loop: what is written goes to the kernel at once, and what one
read brings is taken in the turn that brings it.

The hub listens on one (`consumers/ears.py`), the bell rings on another. Both speak of the groups of channels_redis' pub/sub
layer as that layer does, so they hear and are heard by whoever uses its `group_send`.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import hiredis
from channels.layers import BaseChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import create_pool, decode_hosts
from django.conf import settings
from redis.asyncio.connection import AbstractConnection

BUFFER_BYTES = 64 * 1024

Command = tuple[str | bytes, ...]


@dataclass(frozen=True)
class RedisGroups:
    """Where the groups of a layer are."""

    host: dict[str, Any]
    prefix: str

    @staticmethod
    def of(layer: BaseChannelLayer) -> "RedisGroups | None":
        """None: not in Redis, or on several."""
        if isinstance(layer, RedisPubSubChannelLayer):
            configuration = settings.CHANNEL_LAYERS["default"]["CONFIG"]
            hosts = decode_hosts(configuration["hosts"])
            if len(hosts) == 1:
                return RedisGroups(hosts[0], f"{configuration['prefix']}__group__")
        return None

    def channel(self, group: str) -> str:
        """What Redis calls it."""
        return self.prefix + group


class RedisLine(asyncio.BufferedProtocol):
    """Opened once. `take` is given each reply, an exception among them for what Redis refuses; `taken` is called after those that
    came together, `lost` when there is nothing more to come.
    """

    def __init__(
        self,
        host: dict[str, Any],
        take: Callable[[Any], None],
        taken: Callable[[], None],
        lost: Callable[[Exception | None], None],
    ) -> None:
        self._take = take
        self._taken = taken
        self._lost = lost
        self._host = host
        self._reader = hiredis.Reader()
        # asyncio's own would be a quarter of a megabyte, allocated for each read. Of TLS, it writes into slices of this one.
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        # Collected, it would close the transport.
        self._writer: asyncio.StreamWriter | None = None
        self._transport: asyncio.Transport | None = None

    async def open(self) -> None:
        """Raises whatever keeps Redis from being reached."""
        connection: AbstractConnection = create_pool(self._host).make_connection()
        await connection.connect()  # type: ignore[no-untyped-call]
        # redis-py knows how to get there: URL, password, TLS. From here on it has no part in it. Its writer has no public
        # name; tests/consumers/test_redis.py notices when an upgrade changes that.
        writer, connection._writer = connection._writer, None  # noqa: SLF001
        self._writer = cast(asyncio.StreamWriter, writer)
        self._transport = cast(asyncio.Transport, self._writer.transport)
        self._transport.set_protocol(self)

    def write(self, commands: Iterable[Command]) -> None:
        """Raises ConnectionError if the connection is lost."""
        if self._transport is None:
            raise ConnectionError("The connection to Redis is lost.")
        # Its types know of commands of one word only.
        self._transport.write(b"".join(map(hiredis.pack_command, commands)))  # type: ignore[arg-type]

    def close(self) -> None:
        """Nothing is taken any more, and nobody is told of it."""
        self._take, self._taken, self._lost = _ignore, _nothing, _ignore
        if self._transport is not None:
            self._transport.abort()  # a Redis that does not answer may not take what is still to be sent either

    # What the transport says

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._reader.feed(bytes(self._buffer[:nbytes]))
        while (reply := self._reader.gets()) is not False:
            self._take(reply)
        self._taken()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost(error)


def _ignore(_: object) -> None: ...


def _nothing() -> None: ...
