"""The plainest WebSocket application in ASGI alone: `/echo` says again what it is told, and everybody else hears what comes
from one Redis channel. No framework; what a server hands it is all there is.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from redis import asyncio as aioredis

CHANNEL = "bench"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

listeners: dict[Send, None] = {}
hearing: list["asyncio.Task[None]"] = []


async def hear() -> None:
    """Tells everybody what comes from Redis, one after the other."""
    async with aioredis.Redis.from_url(os.environ["BENCH_REDIS_URL"]).pubsub() as channel:
        await channel.subscribe(CHANNEL)
        async for message in channel.listen():
            if message["type"] == "message":
                text = message["data"].decode()
                for send in list(listeners):
                    await send({"type": "websocket.send", "text": text})


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/echo":
        await echo(receive, send)
        return
    if not hearing:
        hearing.append(asyncio.create_task(hear()))
    listeners[send] = None
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        del listeners[send]


async def echo(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": message["text"]})
