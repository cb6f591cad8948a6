"""python-socketio as its documentation has it: a Redis manager, and every socket joins one room."""

import os
from typing import Any

import socketio  # type: ignore[import-not-found]  # among the packages of benchmarks/python

server = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncRedisManager(os.environ["BENCH_REDIS_URL"]),
    transports=["websocket"],
)
application = socketio.ASGIApp(server)


@server.event  # type: ignore[untyped-decorator]
async def connect(sid: str, environ: dict[str, Any]) -> None:
    await server.enter_room(sid, "bench")
