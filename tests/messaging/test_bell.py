"""What is rung at once for many streams reaches each, in order."""

import asyncio
from typing import Any

import pytest
from channels.layers import get_channel_layer
from redis.asyncio import Redis

from messaging.bell import Bell
from messaging.voice import SAID_AT_ONCE
from tests.services import Valkey

pytestmark = pytest.mark.needs_redis


async def test_many_streams_at_once_are_all_told_in_order(valkey: Valkey) -> None:
    layer = get_channel_layer()
    assert layer is not None
    streams = [f"chat.many{number}" for number in range(SAID_AT_ONCE + 50)]
    channel = await layer.new_channel()
    for stream in streams:
        await layer.group_add(stream, channel)
    bell = Bell()
    bell.attach(asyncio.get_running_loop())
    try:
        for number in (1, 2):
            for stream in streams:
                bell.ring_doorbell(stream, b"%d" % number)
            await asyncio.sleep(0)
        heard: dict[str, list[bytes]] = {stream: [] for stream in streams}
        async with asyncio.timeout(10):
            while any(len(told) < 2 for told in heard.values()):
                message: dict[str, Any] = await layer.receive(channel)
                heard[message["stream"]] += message["doorbells"]
        assert set(map(tuple, heard.values())) == {(b"1", b"2")}
    finally:
        await bell.end()
        await layer.flush()


async def test_a_connection_that_redis_has_ended_is_made_again(valkey: Valkey) -> None:
    layer = get_channel_layer()
    assert layer is not None
    channel = await layer.new_channel()
    await layer.group_add("chat.again", channel)
    bell = Bell()
    bell.attach(asyncio.get_running_loop())
    redis = Redis.from_url(valkey.url)
    try:
        for number in range(3):
            bell.ring_doorbell("chat.again", b"%d" % number)
            async with asyncio.timeout(10):
                message: dict[str, Any] = await layer.receive(channel)
            assert message["doorbells"] == [b"%d" % number]
            await bell.settled()
            await redis.client_kill_filter(_type="normal", skipme=True)
            if number:
                await asyncio.sleep(0.1)  # it has been noticed before the next is rung, or it has not
    finally:
        await redis.aclose()
        await bell.end()
        await layer.flush()
