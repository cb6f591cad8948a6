"""Owns what /live-check/ asks the server, for people's browsers and for `manage.py doctor`: what of a request has arrived
here, and whether an answer leaves in pieces. Whoever asks is told about their own request and nothing else.
"""

import asyncio
import json
from typing import Any

from django.conf import settings

DRIPS = 4
DRIP_EVERY_S = 0.25


async def seen(scope: Any, receive: Any, send: Any) -> None:
    """How the request looks from here, after the proxies."""
    told = {
        "address": (scope.get("client") or [""])[0],
        "scheme": scope["scheme"],
        "host": dict(scope["headers"]).get(b"host", b"").decode("latin-1"),
        "forwarded": scope.get("parley.forwarded", 0),
        "trusted_proxies": settings.TRUSTED_PROXIES,
        "ping_s": settings.LIVE_PING_S,
    }
    await _begin(send, b"application/json")
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


async def drip(scope: Any, receive: Any, send: Any) -> None:
    """One byte after the other. Who gets all of them at once is behind something that holds answers back."""
    await _begin(send, b"text/event-stream")
    for _ in range(DRIPS):
        await send({"type": "http.response.body", "body": b".\n", "more_body": True})
        await asyncio.sleep(DRIP_EVERY_S)
    await send({"type": "http.response.body", "body": b""})


async def _begin(send: Any, content_type: bytes) -> None:
    headers = [
        (b"content-type", content_type),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
