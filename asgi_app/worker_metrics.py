"""Owns what a worker tells Prometheus and a probe: `/metrics` and `/healthz` at WORKER_METRICS_ADDRESS, where that is set.

A worker has no server of its own; this one answers a request and hangs up, and does nothing else.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from django.conf import settings

from asgi_app.health import healthz
from asgi_app.metrics import behind_token, exposition_of_worker

WITHIN_S = 15.0
MAX_HEAD_BYTES = 16 * 1024

Send = Callable[[dict[str, Any]], Awaitable[None]]

logger = logging.getLogger("parley.worker")


async def _nothing(_scope: object, _receive: object, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


_PAGES: dict[str, Callable[[Any, Any, Any], Awaitable[None]]] = {
    "/metrics": behind_token(_nothing, telling=exposition_of_worker),
    "/healthz": healthz,
}


@asynccontextmanager
async def told_of_worker() -> AsyncIterator[None]:
    """Answers while the block runs. An address that cannot be had is no reason not to work."""
    if not settings.WORKER_METRICS_ADDRESS:
        yield
        return
    host, _, port = settings.WORKER_METRICS_ADDRESS.rpartition(":")
    try:
        server = await asyncio.start_server(_serve, host.strip("[]"), int(port), limit=MAX_HEAD_BYTES)
    except OSError as error:
        logger.error("WORKER_METRICS_ADDRESS cannot be listened on: %s", error)  # noqa: TRY400 - a setting, no defect
        yield
        return
    async with server:
        yield


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            head = await reader.readuntil(b"\r\n\r\n")
            await _answer(head, writer)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # whoever it was has gone, or was no Prometheus
    except Exception:
        logger.exception("The worker could not tell of itself.")
    finally:
        writer.close()


async def _answer(head: bytes, writer: asyncio.StreamWriter) -> None:
    line, *rest = head.decode("latin-1").split("\r\n")
    method, _, target = line.partition(" ")
    pairs = (each.partition(":")[::2] for each in rest if ":" in each)
    headers = [
        (name.strip().lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in pairs
    ]
    path = target.partition(" ")[0].partition("?")[0]

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            status = HTTPStatus(message["status"])
            writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\n".encode())
            writer.writelines(name + b": " + value + b"\r\n" for name, value in message["headers"])
            writer.write(b"\r\n")
        elif method != "HEAD":
            writer.write(message["body"])

    page = _PAGES.get(path, _nothing) if method in ("GET", "HEAD") else _nothing
    await page({"headers": headers, "path": path}, None, send)
