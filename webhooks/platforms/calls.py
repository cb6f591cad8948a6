"""Owns how platforms are called: one client, bounded in time and size, that follows nobody and tells no secret."""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from django.conf import settings

MAX_ANSWER_BYTES = 1024 * 1024
CONNECT_S = 5.0
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
_TOKEN_IN_PATH = re.compile(r"bot\d+:[A-Za-z0-9_-]+")


class CallFailed(Exception):
    """No answer. The text has no address in it, so no secret either. `may_be_done`: unless the platform was not even
    reached, nobody knows whether it has done what it was asked.
    """

    def __init__(self, text: str, *, may_be_done: bool = True) -> None:
        super().__init__(text)
        self.may_be_done = may_be_done


@dataclass(frozen=True)
class Answer:
    """`body` is None if it was no JSON object: an error page of something in between."""

    status: int
    body: dict[str, Any] | None


def new_client() -> httpx.AsyncClient:
    """For a whole process. Proxies and passwords that the environment has for others are not for platforms."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(
            settings.PLATFORM_TIMEOUT_S, connect=min(CONNECT_S, settings.PLATFORM_TIMEOUT_S)
        ),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=64),
        follow_redirects=False,
        trust_env=False,
    )


async def call(
    client: httpx.AsyncClient, method: str, url: str, *, within_s: float | None = None, **request: Any
) -> Answer:
    """Asks, and waits `within_s` at most for all of the answer, `PLATFORM_TIMEOUT_S` unless told otherwise. Raises
    `CallFailed`.
    """
    status, content = await fetch(
        client, method, url, max_bytes=MAX_ANSWER_BYTES, within_s=within_s, **request
    )
    try:
        body = orjson.loads(content)
    except ValueError:
        body = None
    return Answer(status, body if isinstance(body, dict) else None)


async def fetch(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    max_bytes: int,
    within_s: float | None = None,
    **request: Any,
) -> tuple[int, bytes]:
    """The status, and the whole body. Raises `CallFailed`."""
    found = bytearray()
    try:
        async with (
            asyncio.timeout(within_s or settings.PLATFORM_TIMEOUT_S),
            client.stream(method, url, **request) as response,
        ):
            async for chunk in response.aiter_bytes():
                found += chunk
                if len(found) > max_bytes:
                    raise CallFailed("The answer is too large.")
            return response.status_code, bytes(found)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        # The error itself may name the address, in which Telegram wants the token.
        may_be_done = not isinstance(error, _NOT_REACHED)
        raise CallFailed(f"No answer: {type(error).__name__}.", may_be_done=may_be_done) from None


def without_secrets(text: object, *secrets: str) -> str:
    """What a platform says, bounded, and without what it should not repeat."""
    said = _TOKEN_IN_PATH.sub("bot…", str(text))
    for secret in secrets:
        if secret:
            said = said.replace(secret, "…")
    return said[:250]
