"""Which socket is where; any other path is not found."""

from typing import Any

from consumers.live import live
from consumers.plain import plain_feed

_SOCKETS = {"/connection/websocket": live, "/socket": plain_feed}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serves one WebSocket."""
    serve = _SOCKETS.get(scope["path"].rstrip("/"))
    if serve is not None:
        await serve(scope, receive, send)
        return
    if (await receive())["type"] == "websocket.connect":
        await send({"type": "websocket.close"})  # before it is accepted: HTTP 403
