"""How this process says something to groups of the channel layer; `consumers/ears.py` is the other end.

`RedisVoice` says on a connection of its own what the layer's `group_send` would, without waiting for Redis between one group
and the next: a thousand threads are a thousand groups. Whoever receives by the layer hears it. With any other layer it is
`group_send`.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from channels.layers import BaseChannelLayer, get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from messaging.redis_line import Command, RedisGroups, RedisLine

SAID_AT_ONCE = 200
# Whatever stands between us and Redis may have forgotten a connection that was silent for longer.
FRESH_S = 25.0

Messages = Mapping[str, dict[str, Any]]
"""One for each group."""


class Voice(Protocol):
    """Used from one event loop, by one task at a time."""

    async def say(self, messages: Messages) -> None:
        """Returns when the layer has them all, or raises; some may be there then."""

    def hush(self) -> None:
        """Lets go of what it speaks through, until it is to say something again."""


def make_voice() -> Voice:
    layer = current_layer()
    groups = RedisGroups.of(layer)
    return RedisVoice(layer, groups) if groups else LayerVoice()


class RedisVoice:
    """A lost connection is made again by whoever speaks next."""

    def __init__(self, layer: RedisPubSubChannelLayer, groups: RedisGroups) -> None:
        self._layer = layer
        self._groups = groups
        self._line: RedisLine | None = None
        self._used_at = 0.0
        self._missing = 0
        self._answered: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    async def say(self, messages: Messages) -> None:
        try:
            await self._say(messages)
        except ConnectionError:
            # Redis has been away since we spoke last. What it may hear twice now does no harm: events have numbers.
            await self._say(messages)

    async def _say(self, messages: Messages) -> None:
        try:
            line = await self._open_line()
            self._missing, self._error = len(messages), None
            self._answered = asyncio.get_running_loop().create_future()
            await self._write(line, messages)
            await self._answered
        except BaseException:
            # What is still answered there would be taken for the answer to something else.
            self.hush()
            raise
        if self._error is not None:
            raise self._error
        if self._missing:
            raise ConnectionError("The connection to Redis was lost.")

    async def _write(self, line: RedisLine, messages: Messages) -> None:
        commands: list[Command] = []
        for group, message in messages.items():
            commands.append(("PUBLISH", self._groups.channel(group), self._layer.serialize(message)))
            if len(commands) == SAID_AT_ONCE:
                line.write(commands)
                commands.clear()
                await asyncio.sleep(0)  # whoever serves on this loop does
        if commands:
            line.write(commands)

    async def _open_line(self) -> RedisLine:
        now = asyncio.get_running_loop().time()
        if now - self._used_at > FRESH_S:
            self.hush()
        self._used_at = now
        if self._line is None:
            line = RedisLine(self._groups.host, self._take, lambda: None, self._lost)
            await line.open()
            self._line = line
        return self._line

    def hush(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self._end()

    # What the line says

    def _take(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._error = reply
        self._missing -= 1
        if not self._missing:
            self._end()

    def _lost(self, error: Exception | None) -> None:
        self._line = None
        self._end()

    def _end(self) -> None:
        """Nothing more is answered of what was said last."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)


class LayerVoice:
    """One group after the other, of the layer that there is: another may have taken its place."""

    async def say(self, messages: Messages) -> None:
        layer = current_layer()
        for group, message in messages.items():
            await layer.group_send(group, message)

    def hush(self) -> None: ...


def current_layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS has no default."
    return layer
