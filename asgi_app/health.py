"""Owns what a load balancer asks: is the process alive (/healthz), and should it get traffic (/readyz)?

Both are answered before Django, so that a busy site stays "alive". Ready means that the database answers and that the
process is not shutting down. Redis is looked at and reported, but its loss makes nobody unready: without it posts are
still taken and still arrive, some seconds later, and with every process out of service they would not.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from messaging.database import DatabaseThreads

CHECK_S = 2.0
# Probes that come closer together than this share one look.
SHARE_S = 1.0

OK = "ok"
UNUSED = "unused"
UNREACHABLE = "unreachable"

Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger("parley.health")


class Readiness:
    """What /readyz knows: one look at the services at a time, however many ask."""

    def __init__(self) -> None:
        self.draining = False
        self._threads = DatabaseThreads("health", 1)
        self._look: asyncio.Task[dict[str, str]] | None = None
        self._looked_at = 0.0

    async def checks(self) -> dict[str, str]:
        """By service: `ok`, `unused` or `unreachable`."""
        if self._look is None or (self._look.done() and time.monotonic() - self._looked_at > SHARE_S):
            self._looked_at = time.monotonic()
            self._look = asyncio.create_task(self._check_all())
        return await asyncio.shield(self._look)

    async def _check_all(self) -> dict[str, str]:
        database, layer = await asyncio.gather(
            _outcome("database", self._threads.run(_ask_database)), _outcome("redis", _ask_redis())
        )
        return {"database": database, "redis": layer}

    def close(self) -> None:
        self._threads.close()


readiness = Readiness()


async def _outcome(service: str, answer: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            return await answer
    except (DatabaseError, RedisError, OSError) as error:
        # TimeoutError is an OSError.
        logger.warning("%s is unreachable: %s", service, type(error).__name__)
        return UNREACHABLE


def _ask_database() -> str:
    # A connection of its own each time: whether one can be had is the question.
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return OK


async def _ask_redis() -> str:
    if not settings.REDIS_URL:
        return UNUSED
    async with redis.asyncio.from_url(settings.REDIS_URL, socket_connect_timeout=CHECK_S) as client:
        await cast("Awaitable[bool]", client.ping())
    return OK


async def healthz(_scope: object, _receive: object, send: Send) -> None:
    """200 while the event loop turns."""
    await _answer(send, 200, {"status": OK})


async def readyz(_scope: object, _receive: object, send: Send) -> None:
    """200 or 503, with each check: {"status": "ready" | "degraded" | "unready" | "draining", "checks": {...}}."""
    checks = await readiness.checks()
    if readiness.draining:
        status = "draining"
    elif checks["database"] != OK:
        status = "unready"
    else:
        status = "degraded" if UNREACHABLE in checks.values() else "ready"
    await _answer(send, 200 if status in ("ready", "degraded") else 503, {"status": status, "checks": checks})


async def _answer(send: Send, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
