"""How this process hangs on the channel layer: one channel, joined to a group for each stream, watched and renewed.

The process pings itself through the layer once a second, and so knows at once when the layer is back; one that stays
silent is replaced by a new one. Nobody waits for a layer: it may also just not answer.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any
from uuid import uuid4

from channels.layers import BaseChannelLayer, channel_layers, get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from consumers.stream import Counters, Stream
from messaging.bell import LAYER_TYPE, LayerMessage
from messaging.counters import REDIS_ERRORS

logger = logging.getLogger("parley.hub")

PING_EVERY_S = 1.0
PINGS_UNTIL_RENEWAL = 5
# One ping that is not heard yet is on its way, another may be late.
SILENT_AFTER_PINGS = 3
WITHIN_S = 1.0
JOINED_AT_ONCE = 500
# When that many come together, more are on their way.
CROWD = 8
GATHERS_S = 0.03


class Layer:
    """`take` is given every message; `on_return` is called when the layer has been away and is heard again."""

    def __init__(
        self,
        counters: Counters,
        take: Callable[[LayerMessage], None],
        on_return: Callable[[], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._counters = counters
        self._take = take
        self._on_return = on_return
        self._spawn = spawn
        self._channel = ""
        self._own_group = f"hub.{uuid4().hex}"
        self._receiver: asyncio.Task[None] | None = None
        self._pings_sent = 0
        self._last_ping_heard = 0
        self._to_join: dict[Stream, None] = {}
        self._next_join: asyncio.Task[None] | None = None
        self._one_join = asyncio.Lock()

    @property
    def unheard(self) -> int:
        """How many pings have gone out since the last one that came back."""
        return self._pings_sent - self._last_ping_heard

    async def take_channel(self) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                self._channel = await _backend().new_channel()
                self._receiver = self._spawn(self._receive(_backend(), self._channel))
                await _backend().group_add(self._own_group, self._channel)
        except Exception as error:
            REDIS_ERRORS.labels("hub").inc()
            logger.warning("The channel layer can't be reached; the log is compared instead: %r", error)

    async def join(self, streams: Sequence[Stream]) -> None:
        """Marks those as `grouped` that the layer has taken. Whoever joins while the last ones are being taken is the next
        batch: when everybody reconnects, each has a doorbell of their own.
        """
        if not streams or not self._channel or self.unheard >= SILENT_AFTER_PINGS:
            return
        self._to_join.update(dict.fromkeys(streams))
        if self._next_join is None:
            self._next_join = self._spawn(self._join_all())
        await asyncio.shield(self._next_join)

    async def _join_all(self) -> None:
        async with self._one_join:
            if len(self._to_join) >= CROWD:
                await asyncio.sleep(GATHERS_S)
            streams, self._to_join, self._next_join = list(self._to_join), {}, None
            for first in range(0, len(streams), JOINED_AT_ONCE):
                some = streams[first : first + JOINED_AT_ONCE]
                try:
                    async with asyncio.timeout(WITHIN_S):
                        await _group_add(_backend(), [stream.name for stream in some], self._channel)
                except Exception as error:
                    logger.warning(
                        "The channel layer does not take streams; the log is compared instead: %r", error
                    )
                    return
                for stream in some:
                    stream.grouped = True

    async def leave(self, name: str) -> None:
        try:
            await _backend().group_discard(name, self._channel)
        except Exception as error:
            logger.info("The channel layer did not let go of a stream: %r", error)

    async def send(self, group: str, message: LayerMessage) -> None:
        """May be lost."""
        try:
            async with asyncio.timeout(WITHIN_S):
                await _backend().group_send(group, message)
        except Exception as error:
            REDIS_ERRORS.labels("hub").inc()
            logger.debug("A message to the channel layer was lost: %r", error)

    async def ping(self) -> None:
        self._pings_sent += 1
        ping = {"type": LAYER_TYPE, "stream": self._own_group, "ping": self._pings_sent}
        await self.send(self._own_group, ping)

    @property
    def is_silent(self) -> bool:
        """Every few unheard pings anew."""
        return self.unheard > 0 and self.unheard % PINGS_UNTIL_RENEWAL == 0

    async def renew(self, streams: Iterable[Stream]) -> None:
        """A new layer and a new channel; the streams are to be joined to it again."""
        logger.warning("The channel layer is silent: taking a new one.")
        self._counters.renewals += 1
        if self._receiver is not None:
            self._receiver.cancel()
        self._channel = ""
        old = _backend()
        channel_layers.set("default", channel_layers.make_backend("default"))
        self._spawn(_end(old))
        for stream in streams:
            stream.grouped = False
        await self.take_channel()

    async def _receive(self, backend: BaseChannelLayer, channel: str) -> None:
        while True:
            try:
                message = await backend.receive(channel)
            except Exception as error:
                REDIS_ERRORS.labels("hub").inc()
                logger.warning("The channel layer can't receive: %r", error)
                await asyncio.sleep(PING_EVERY_S)
                continue
            if message.get("type") != LAYER_TYPE:
                continue
            try:
                if "ping" in message:
                    self._hear_ping(message["ping"])
                self._take(message)
            except Exception:
                logger.exception("A message of the channel layer could not be handled.")

    def _hear_ping(self, number: int) -> None:
        if number > self._last_ping_heard + 1:
            self._on_return()
        self._last_ping_heard = max(self._last_ping_heard, number)


async def _group_add(backend: BaseChannelLayer, groups: Sequence[str], channel: str) -> None:
    """The layer's `group_add` for many groups: with Redis in one command.

    What channels_redis has no public name for is used here and nowhere else; tests/consumers/test_redis.py notices when an
    upgrade changes what it means.
    """
    if not isinstance(backend, RedisPubSubChannelLayer):
        for group in groups:
            await backend.group_add(group, channel)
        return
    layer = backend._get_layer()  # noqa: SLF001 - here only, like all of this function
    if channel not in layer.channels:
        raise RuntimeError("The channel is not this process's any more.")
    by_shard: dict[Any, list[str]] = {}
    for group in groups:
        name = layer._get_group_channel_name(group)  # noqa: SLF001
        layer.groups.setdefault(name, set()).add(channel)
        by_shard.setdefault(layer._get_shard(name), []).append(name)  # noqa: SLF001
    for shard, names in by_shard.items():
        async with shard._lock:  # noqa: SLF001
            new = [name for name in names if name not in shard._subscribed_to]  # noqa: SLF001
            if new:
                shard._ensure_redis()  # noqa: SLF001
                shard._ensure_receiver()  # noqa: SLF001
                await shard._pubsub.subscribe(*new)  # noqa: SLF001
                shard._subscribed_to.update(new)  # noqa: SLF001


async def _end(backend: BaseChannelLayer) -> None:
    try:
        await backend.flush()
    except Exception as error:
        logger.info("The old channel layer did not end cleanly: %r", error)


def _backend() -> BaseChannelLayer:
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS has no default."
    return layer
