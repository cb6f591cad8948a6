"""Which socket is where, and who is let in; any other path is not found."""

from typing import Any

from consumers.live import live
from consumers.plain import plain_feed
from consumers.process import live_process
from consumers.wire import refuse
from messaging.errors import TooMany

_SOCKETS = {"/connection/websocket": ("live", live), "/socket": ("plain", plain_feed)}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serves one WebSocket."""
    kind, serve = _SOCKETS.get(scope["path"].rstrip("/"), ("", None))
    if serve is None:
        if (await receive())["type"] == "websocket.connect":
            await send({"type": "websocket.close"})  # before it is accepted: HTTP 403
        return
    process = live_process()
    try:
        seat = await process.admission.enter(kind, scope)
    except TooMany as refusal:
        if (await receive())["type"] == "websocket.connect":
            await refuse(scope, send, refusal)
        return
    try:
        await process.slices.turn()
        await serve(scope, receive, send, seat)
    finally:
        seat.leave()
