"""How this process hears what is sent to groups of the channel layer.

channels_redis hands each message over through a parser, a queue and a task that waits for it: three turns of the event
loop before the hub has it. `RedisEars` listens to the same Redis channels on a connection of its own and is done with all
that one read brings in the turn that brings it. It hears what anybody sends with the layer's `group_send`; what a
message is on the way is the layer's to say. Any other layer is listened to as Channels has it (`LayerEars`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from channels.layers import BaseChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from messaging.bell import LayerMessage
from messaging.counters import REDIS_ERRORS
from messaging.redis_line import RedisGroups, RedisLine

logger = logging.getLogger("parley.hub")

WITHIN_S = 1.0
RECEIVE_AGAIN_S = 1.0

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(frozen=True)
class Listener:
    """`hear` is given each message; `heard` is called after those that came together, where that is known. `spawn` keeps a
    task.
    """

    hear: Callable[[LayerMessage], None]
    heard: Callable[[], None]
    spawn: Spawn


class Ears(Protocol):
    """What comes from a group between the end of `listen` and the beginning of `ignore` is heard, if the layer does not lose it."""

    async def open(self) -> None:
        """To be called first, once. Raises whatever keeps the layer from being reached."""

    async def listen(self, groups: Sequence[str]) -> None:
        """Returns when the layer has taken these groups, or raises."""

    async def ignore(self, group: str) -> None:
        """What of it is on its way may still be heard."""

    def close(self) -> None:
        """Nothing is heard any more."""


def ears_of(layer: BaseChannelLayer, listener: Listener) -> Ears:
    groups = RedisGroups.of(layer)
    return RedisEars(layer, groups, listener) if groups else LayerEars(layer, listener)


@dataclass
class _Question:
    """What Redis was asked to do with some groups: it answers once for each, or with one error."""

    missing: int
    answered: asyncio.Future[None]


class RedisEars:
    """A lost connection is made again, with all its groups."""

    def __init__(self, layer: RedisPubSubChannelLayer, groups: RedisGroups, listener: Listener) -> None:
        self._layer = layer
        self._in_redis = groups
        self._listener = listener
        self._line = self._new_line()
        self._groups: dict[str, None] = {}
        self._unanswered: deque[_Question] = deque()
        self._coming_back: asyncio.Task[None] | None = None
        self._closed = False

    def _new_line(self) -> RedisLine:
        return RedisLine(self._in_redis.host, self._take, self._listener.heard, self._lost)

    async def open(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            await self._line.open()
        if self._closed:
            self._hang_up()
            raise ConnectionError("Nobody listens any more.")

    async def listen(self, groups: Sequence[str]) -> None:
        await self._ask("SUBSCRIBE", groups)
        self._groups.update(dict.fromkeys(groups))

    async def ignore(self, group: str) -> None:
        self._groups.pop(group, None)
        await self._ask("UNSUBSCRIBE", [group])

    async def _ask(self, command: str, groups: Sequence[str]) -> None:
        if not groups:
            return
        self._line.write([(command, *map(self._in_redis.channel, groups))])
        question = _Question(len(groups), asyncio.get_running_loop().create_future())
        self._unanswered.append(question)
        await question.answered

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        """What is asked there is not answered any more."""
        self._line.close()
        while self._unanswered:
            self._answer(ConnectionError("The connection to Redis was lost."))

    # What the line says

    def _take(self, reply: Any) -> None:
        match reply:
            case [b"message", _, message]:
                self._hear(message)
            case [b"subscribe" | b"unsubscribe", *_]:
                self._answer(None)
            case Exception():
                self._answer(reply)

    def _hear(self, message: bytes) -> None:
        try:
            self._listener.hear(self._layer.deserialize(message))
        except Exception:
            logger.exception("What came through the channel layer could not be read.")

    def _answer(self, error: Exception | None) -> None:
        if not self._unanswered:
            return
        question = self._unanswered[0]
        question.missing -= 1
        if question.missing and error is None:
            return
        self._unanswered.popleft()
        if question.answered.done():  # nobody waits for it any more
            return
        if error is None:
            question.answered.set_result(None)
        else:
            question.answered.set_exception(error)

    def _lost(self, error: Exception | None) -> None:
        self._hang_up()
        if not self._closed and (self._coming_back is None or self._coming_back.done()):
            logger.warning("The connection to Redis was lost: %r", error)
            self._coming_back = self._listener.spawn(self._come_back())

    async def _come_back(self) -> None:
        while not self._closed:
            try:
                self._hang_up()
                self._line = self._new_line()
                await self.open()
                await self.listen(list(self._groups))
            except Exception as error:
                REDIS_ERRORS.labels("hub").inc()
                logger.info("Redis can't be listened to, trying again: %r", error)
                await asyncio.sleep(RECEIVE_AGAIN_S)
            else:
                return


class LayerEars:
    """One channel, and a task that receives from it."""

    def __init__(self, layer: BaseChannelLayer, listener: Listener) -> None:
        self._layer = layer
        self._listener = listener
        self._channel = ""
        self._receiver: asyncio.Task[None] | None = None

    async def open(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            self._channel = await self._layer.new_channel()
        self._receiver = self._listener.spawn(self._receive())

    async def listen(self, groups: Sequence[str]) -> None:
        for group in groups:
            await self._layer.group_add(group, self._channel)

    async def ignore(self, group: str) -> None:
        await self._layer.group_discard(group, self._channel)

    def close(self) -> None:
        if self._receiver is not None:
            self._receiver.cancel()

    async def _receive(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:
                REDIS_ERRORS.labels("hub").inc()
                logger.warning("The channel layer can't receive: %r", error)
                await asyncio.sleep(RECEIVE_AGAIN_S)
                continue
            self._listener.hear(message)
