"""How this process says something to groups of the channel layer; `consumers/ears.py` is the other end.

`RedisVoice` says on a connection of its own what the layer's `group_send` would, to hundreds of groups at once: a thousand
threads are a thousand groups. Whoever receives by the layer hears it. With any other layer it is `group_send`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from channels.layers import BaseChannelLayer, get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer

from messaging.redis_calls import RedisCalls
from messaging.redis_line import RedisGroups

SAID_AT_ONCE = 200
# A Redis that does not answer must not hold up what is said when it does again.
WITHIN_S = 5.0

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
        self._calls = RedisCalls(groups.host, WITHIN_S)

    async def say(self, messages: Messages) -> None:
        try:
            await self._say(messages)
        except ConnectionError:
            # Redis has been away since we spoke last. What it may hear twice now does no harm: events have numbers.
            await self._say(messages)

    async def _say(self, messages: Messages) -> None:
        for some in _chunks(list(messages.items())):
            await self._calls.ask(
                [
                    (b"PUBLISH", self._groups.channel(group), self._layer.serialize(message))
                    for group, message in some
                ]
            )

    def hush(self) -> None:
        self._calls.hang_up()


class LayerVoice:
    """One group after the other, of the layer that there is: another may have taken its place."""

    async def say(self, messages: Messages) -> None:
        layer = current_layer()
        for group, message in messages.items():
            await layer.group_send(group, message)

    def hush(self) -> None: ...


def _chunks(messages: list[tuple[str, dict[str, Any]]]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Whoever serves on this loop does so between these."""
    for start in range(0, len(messages), SAID_AT_ONCE):
        yield messages[start : start + SAID_AT_ONCE]


def current_layer() -> BaseChannelLayer:
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS has no default."
    return layer
