"""Owns the way past Django's handler that posts in the ordinary form take (`api/quick_posts.py`): what every answer of the
site has all the same, its headers, its line in the log and its place in the metrics.

The headers are not written down a second time. For each host and scheme Django is asked once, with a token that cannot
be one, and what its middleware put around the refusal goes around every answer here. Where Django refuses for another
reason (a host that is not ours, a scheme that is not safe), it answers the post as well.
"""

import logging
import time
from functools import cache
from typing import Any

from django.urls import resolve

from api.errors import explain_defect
from api.quick_posts import QuickPost, QuickPosts, ordinary
from asgi_app import requests
from asgi_app.handler import OneHopHandler

logger = logging.getLogger("parley.quick")

# Of one answer only.
_ITS_OWN = frozenset((b"content-length", b"www-authenticate", b"x-request-id", b"retry-after"))
_NOBODY = (b"authorization", b"Token -")
# Names that people have for one site; beyond that they are made up.
MAX_HOSTS = 32

Headers = list[tuple[bytes, bytes]]


class QuickDoor:
    """An ASGI application in front of `otherwise`, which ends at `django`."""

    def __init__(self, django: OneHopHandler, otherwise: Any) -> None:
        self._django = django
        self._otherwise = otherwise
        self._posts = QuickPosts(django.threads)
        self._headers: dict[tuple[str, bytes], Headers] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        post = ordinary(scope)
        headers = await self._headers_of(scope) if post is not None else None
        if post is None or headers is None:
            await self._otherwise(scope, receive, send)
            return
        request_id = requests.begin(scope["headers"])
        body = await _body(receive)
        if body is None:
            return
        status, own, content = await self._answer(post, body)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    *headers,
                    *((name.encode(), value.encode()) for name, value in own.items()),
                    (b"Content-Length", b"%d" % len(content)),
                    (requests.HEADER.encode(), request_id.encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, post: QuickPost, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with requests.told(time.monotonic()) as told:
            told.method, told.route = "POST", _route()
            try:
                answer = await self._posts.answer(post, body)
            except Exception:
                logger.exception("A post could not be answered.")
                answer = explain_defect()
            told.status = answer[0]
        return answer

    async def _headers_of(self, scope: Any) -> Headers | None:
        """What every answer to this host and scheme has; None: this request is Django's."""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        key = scope["scheme"], host
        found = self._headers.get(key)
        if found is None and len(self._headers) < MAX_HOSTS:
            found = await self._ask_django(scope, host)
            if found is not None:
                self._headers[key] = found
        return found

    async def _ask_django(self, scope: Any, host: bytes) -> Headers | None:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._django({**scope, "headers": [(b"host", host), _NOBODY]}, receive, send)
        if sent[0]["status"] != 401:
            return None
        return [(name, value) for name, value in sent[0]["headers"] if name.lower() not in _ITS_OWN]


@cache
def _route() -> str:
    """As the metrics have it of all posts; to look it up each time would take a tenth of the answer."""
    return f"/{resolve('/api/chats/feed/messages/').route}"


async def _body(receive: Any) -> bytes | None:
    """All of it; its length is known to be one that is taken. None: the client has left."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
