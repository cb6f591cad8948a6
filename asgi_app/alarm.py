"""The alarm: wakes this process's workers when there is work. It may be lost, so they look by themselves too."""

import asyncio
import logging

from channels.layers import get_channel_layer

from messaging.bell import WORK

logger = logging.getLogger("parley.worker")

# The layer may have been replaced by another since; then the old one stays silent for ever.
REJOIN_EVERY_S = 20.0
PAUSE_S = 1.0


async def listen(wakes: dict[str, asyncio.Event]) -> None:
    """Sets the events that the bell rings for, until cancelled."""
    while True:
        try:
            await _listen_a_while(wakes)
        except Exception as error:
            logger.debug("The alarm can't be heard: %r", error)
            await asyncio.sleep(PAUSE_S)


async def _listen_a_while(wakes: dict[str, asyncio.Event]) -> None:
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS has no default."
    channel = await layer.new_channel()
    await layer.group_add(WORK, channel)
    try:
        async with asyncio.timeout(REJOIN_EVERY_S):
            while True:
                message = await layer.receive(channel)
                for name in wakes.keys() & message.keys():
                    wakes[name].set()
    except TimeoutError:
        return
    finally:
        await layer.group_discard(WORK, channel)
