"""Publishes into the tutorial's chat as any process of that site would: `group_send`, one event after the other."""

import asyncio

from channels.layers import get_channel_layer

from benchmarks.publishers.serving import Told, serve

runner = asyncio.Runner()


async def send_all(texts: list[str]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    for text in texts:
        await layer.group_send("chat_bench", {"type": "chat.message", "message": text})


def publish(texts: list[str], told: Told) -> None:
    told()
    runner.run(send_all(texts))


if __name__ == "__main__":
    serve(publish)
