"""The one router: probes, then sockets to the consumers, webhooks to their own door, and the rest to Django."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from servestatic.asgi import ServeStaticASGI

import asgi_app.boot  # noqa: F401
from asgi_app import live_check
from asgi_app.handler import OneHopHandler
from asgi_app.health import healthz, readyz
from asgi_app.metrics import behind_token
from asgi_app.proxies import believe
from asgi_app.quick import QuickDoor
from consumers.routing import application as sockets
from messaging.bell import bell
from messaging.database import DatabaseThreads
from webhooks.ingest import application as webhooks

Application = Callable[[Any, Any, Any], Awaitable[None]]

django = OneHopHandler(DatabaseThreads("http", settings.HTTP_THREADS), settings.MAX_BODY_BYTES)


def _guard(headers: Any, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"


# Static files never reach Django's threads. A name with a hash in it is for ever.
site = ServeStaticASGI(
    django,
    root=settings.STATIC_ROOT,
    prefix=settings.STATIC_URL,
    immutable_file_test=r"^.+\.[0-9a-f]{12}\..+$",
    allow_all_origins=False,
    add_headers_function=_guard,
)

pages = QuickDoor(django, site)

PROBES: dict[str, Application] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": behind_token(site),
    "/live-check/seen": live_check.seen,
    "/live-check/drip": live_check.drip,
}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers one HTTP request or serves one WebSocket."""
    if scope["type"] == "http":
        believe(scope, settings.TRUSTED_PROXIES)
        bell.attach(asyncio.get_running_loop())
        path = scope["path"]
        serve = webhooks if path.startswith("/webhooks/") else PROBES.get(path, pages)
        await serve(scope, receive, send)
    elif scope["type"] == "websocket":
        believe(scope, settings.TRUSTED_PROXIES)
        await sockets(scope, receive, send)
    else:
        raise ValueError(f"Nothing here speaks {scope['type']!r}.")
