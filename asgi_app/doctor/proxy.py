"""The way from people to this server: asks the site at its public address, as a browser would."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from asgi_app.doctor.finding import Finding, Visit
from asgi_app.live_check import DRIP_EVERY_S, DRIPS

WITHIN_S = 10.0


def check(visit: Visit) -> Iterator[Finding]:
    if not visit.url:
        return
    try:
        with httpx.Client(base_url=visit.url, timeout=WITHIN_S, trust_env=False) as client:
            answer = client.get("/live-check/seen")
            if answer.status_code != httpx.codes.OK:
                yield _not_us(visit, f"it answers /live-check/seen with {answer.status_code}")
                return
            yield from _check_what_arrives(visit, answer.json())
            yield from _check_buffering(client)
    except (httpx.HTTPError, ValueError) as error:
        yield _not_us(visit, str(error) or type(error).__name__)
        return
    yield from asyncio.run(_check_socket(visit))


def _not_us(visit: Visit, why: str) -> Finding:
    return Finding(
        "site-unreachable",
        f"Parley is not to be found at {visit.url}: {why}.",
        "Look at the name in the DNS, the certificate, and whether the proxy passes to the port of a web process; "
        "then at WEB_DOMAIN and ALLOWED_HOSTS.",
    )


def _check_what_arrives(visit: Visit, seen: dict[str, Any]) -> Iterator[Finding]:
    forwarded, trusted = seen["forwarded"], seen["trusted_proxies"]
    if forwarded > trusted:
        yield Finding(
            "proxy-not-trusted",
            f"{forwarded} addresses are forwarded and {trusted} proxies are trusted: everybody seems to come from "
            f"{seen['address']}, and shares its limits.",
            f"Set TRUSTED_PROXIES={forwarded}.",
        )
    if forwarded < trusted:
        yield Finding(
            "address-spoofable",
            f"TRUSTED_PROXIES is {trusted}, but {forwarded} addresses are forwarded: strangers can choose theirs.",
            "Let the proxy send the address (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for), or "
            f"set TRUSTED_PROXIES={forwarded}.",
        )
    scheme, host = urlsplit(visit.url).scheme, urlsplit(visit.url).netloc
    if trusted and seen["scheme"] != scheme:
        yield Finding(
            "scheme-not-forwarded",
            f"A request by {scheme} arrives as {seen['scheme']}: log-ins and redirects break.",
            "nginx: proxy_set_header X-Forwarded-Proto $scheme.",
        )
    if seen["host"] != host:
        yield Finding(
            "host-not-forwarded",
            f"A request for {host} arrives as one for {seen['host']}: sockets of signed-in pages are anonymous.",
            "nginx: proxy_set_header Host $host (with $server_port, if it is not the usual one).",
        )


def _check_buffering(client: httpx.Client) -> Iterator[Finding]:
    came_at: list[float] = []
    with client.stream("GET", "/live-check/drip") as answer:
        for _ in answer.iter_raw():
            came_at.append(time.monotonic())  # noqa: PERF401 - each when it comes
    if not came_at or came_at[-1] - came_at[0] < (DRIPS - 1) * DRIP_EVERY_S / 2:
        yield Finding(
            "buffering",
            "Something on the way holds answers back until they are complete.",
            "nginx: proxy_buffering off; a content delivery network: switch its cache and compression off here.",
            "advice",
        )


async def _check_socket(visit: Visit) -> list[Finding]:
    address = visit.url.replace("http", "ws", 1).rstrip("/") + "/connection/websocket"
    try:
        async with connect(address, proxy=None, open_timeout=WITHIN_S, close_timeout=1) as socket:
            await socket.send(json.dumps({"id": 1, "connect": {}}))
            async with asyncio.timeout(WITHIN_S):
                await socket.recv()
            return await _watch(socket, visit)
    except InvalidStatus as refused:
        return [
            Finding(
                "no-upgrade",
                f"A WebSocket is answered with HTTP {refused.response.status_code}: nothing is live.",
                "Let the proxy pass the upgrade (nginx: proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade, "
                'proxy_set_header Connection "upgrade").',
            )
        ]
    except (OSError, TimeoutError, WebSocketException) as error:
        return [
            Finding(
                "socket-broken",
                f"A WebSocket opens and says nothing: {error or type(error).__name__}.",
                "See what the proxy makes of the path /connection/websocket, and the log of the web process.",
            )
        ]


async def _watch(socket: Any, visit: Visit) -> list[Finding]:
    """Nobody speaks until the server's ping. What is cut before that is cut by something on the way."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(visit.patience_s):
            await socket.recv()
    except TimeoutError:
        return []
    except ConnectionClosed:
        lasted = time.monotonic() - began
        return [
            Finding(
                "idle-time-out",
                f"A silent WebSocket was cut after {lasted:.0f} s, and the server pings every {settings.LIVE_PING_S:.0f} s.",
                "Raise the proxy's time-out (nginx: proxy_read_timeout 1h), or lower LIVE_PING_S.",
            )
        ]
    return []
