"""How this process hangs on the channel layer: its ears are at a group for each stream, watched and renewed.

The process pings itself through the layer once a second, and so knows at once when the layer is back; one that stays
silent is replaced by a new one. Nobody waits for a layer: it may also just not answer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from uuid import uuid4

from channels.layers import BaseChannelLayer, channel_layers

from consumers.ears import WITHIN_S, Ears, Listener, Spawn, ears_of
from consumers.slices import gather_s
from consumers.stream import Counters, Stream
from messaging.bell import LAYER_TYPE, PEOPLE, LayerMessage
from messaging.counters import REDIS_ERRORS
from messaging.voice import current_layer

logger = logging.getLogger("parley.hub")

PING_EVERY_S = 1.0
PINGS_UNTIL_RENEWAL = 5
# One ping that is not heard yet is on its way, another may be late.
SILENT_AFTER_PINGS = 3
JOINED_AT_ONCE = 500


class Layer:
    """`take` is given every message; `heard` is called after those that came together, where that is known; `on_return` when the
    layer has been away and is heard again.
    """

    def __init__(
        self,
        counters: Counters,
        take: Callable[[LayerMessage], None],
        heard: Callable[[], None],
        on_return: Callable[[], None],
        spawn: Spawn,
    ) -> None:
        self._counters = counters
        self._take = take
        self._heard = heard
        self._on_return = on_return
        self._spawn = spawn
        self._own_group = f"hub.{uuid4().hex}"
        self._ears: Ears | None = None
        self._pings_sent = 0
        self._last_ping_heard = 0
        self._to_join: dict[Stream, None] = {}
        self._next_join: asyncio.Task[None] | None = None
        self._one_join = asyncio.Lock()

    @property
    def unheard(self) -> int:
        """How many pings have gone out since the last one that came back."""
        return self._pings_sent - self._last_ping_heard

    async def open(self) -> None:
        """Begins to hear, if the layer can be reached: what is said to every hub, and what this one says to itself."""
        ears = ears_of(current_layer(), Listener(self._hear, self._heard, self._spawn))
        try:
            await ears.open()
            async with asyncio.timeout(WITHIN_S):
                await ears.listen([self._own_group, PEOPLE])
        except Exception as error:
            ears.close()
            REDIS_ERRORS.labels("hub").inc()
            logger.warning("The channel layer can't be reached; the log is compared instead: %r", error)
        else:
            self._ears = ears

    def close(self) -> None:
        """Nothing is heard any more."""
        if self._ears is not None:
            self._ears.close()
            self._ears = None

    async def join(self, streams: Sequence[Stream]) -> None:
        """Marks those as `grouped` that the layer has taken. Whoever joins while the last ones are being taken is the next
        batch: when everybody reconnects, each has a doorbell of their own.
        """
        if not streams or self._ears is None or self.unheard >= SILENT_AFTER_PINGS:
            return
        self._to_join.update(dict.fromkeys(streams))
        if self._next_join is None:
            self._next_join = self._spawn(self._join_all())
        await asyncio.shield(self._next_join)

    async def _join_all(self) -> None:
        async with self._one_join:
            if pause_s := gather_s(len(self._to_join)):
                await asyncio.sleep(pause_s)
            streams, self._to_join, self._next_join = list(self._to_join), {}, None
            if (ears := self._ears) is None:
                return
            for first in range(0, len(streams), JOINED_AT_ONCE):
                some = streams[first : first + JOINED_AT_ONCE]
                try:
                    async with asyncio.timeout(WITHIN_S):
                        await ears.listen([stream.name for stream in some])
                except Exception as error:
                    logger.warning(
                        "The channel layer does not take streams; the log is compared instead: %r", error
                    )
                    return
                if ears is not self._ears:
                    return  # they have been replaced meanwhile; what is not grouped is joined again
                for stream in some:
                    stream.grouped = True

    async def leave(self, name: str) -> None:
        try:
            if self._ears is not None:
                async with asyncio.timeout(WITHIN_S):
                    await self._ears.ignore(name)
        except Exception as error:
            logger.info("The channel layer did not let go of a stream: %r", error)

    async def send(self, group: str, message: LayerMessage) -> None:
        """May be lost."""
        try:
            async with asyncio.timeout(WITHIN_S):
                await current_layer().group_send(group, message)
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
        self.close()
        old = current_layer()
        channel_layers.set("default", channel_layers.make_backend("default"))
        self._spawn(_end(old))
        for stream in streams:
            stream.grouped = False
        await self.open()

    def _hear(self, message: LayerMessage) -> None:
        if message.get("type") != LAYER_TYPE:
            return
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


async def _end(backend: BaseChannelLayer) -> None:
    try:
        await backend.flush()
    except Exception as error:
        logger.info("The old channel layer did not end cleanly: %r", error)
