"""What the channel layer sends on a connection that Redis has closed meanwhile reaches Redis all the same."""

import asyncio

import pytest
import redis.asyncio
from channels.layers import get_channel_layer
from django.conf import settings

from tests.services import Valkey

pytestmark = pytest.mark.needs_redis


async def test_a_connection_that_redis_has_closed_is_made_again(valkey: Valkey) -> None:
    layer = get_channel_layer()
    assert layer is not None
    channel = await layer.new_channel()
    await layer.group_add("somebody", channel)
    client = redis.asyncio.from_url(settings.REDIS_URL)
    try:
        for number in range(2):
            await layer.group_send("somebody", {"type": "told", "number": number})
            async with asyncio.timeout(5):
                assert (await layer.receive(channel))["number"] == number
            killed = await client.client_kill_filter(_type="normal", skipme=True)
            assert int(killed) >= 1
            await asyncio.sleep(1.0)
    finally:
        await client.aclose()
        await layer.flush()
