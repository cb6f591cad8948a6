"""Publishes into the tutorial's chat as any process of that site would: `group_send`, one event after the other.

With a number of threads as its argument, number n goes into the chat `bench` with n modulo that behind it.
"""

import asyncio
import sys

from channels.layers import get_channel_layer

from benchmarks.publishers.serving import Told, number_of, serve

runner = asyncio.Runner()
threads = int(sys.argv[2]) if len(sys.argv) > 2 else 0


async def send_all(texts: list[str]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    for text in texts:
        group = f"chat_bench{number_of(text) % threads}" if threads else "chat_bench"
        await layer.group_send(group, {"type": "chat.message", "message": text})


def publish(texts: list[str], told: Told) -> None:
    told()
    runner.run(send_all(texts))


if __name__ == "__main__":
    serve(publish)
