"""Owns what is told of each request to Django: an id that its log lines carry, how it ended, and how long it took.

The id is the trusted proxy's X-Request-ID or a new one, and goes back with the answer. What is logged and counted is the
route, never the path: a path may be a room's link or the one in a mail that resets a password.
"""

import logging
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

from asgi_app.observers import span

HEADER = "X-Request-ID"
SLOW_S = 1.0

logger = logging.getLogger("parley.requests")

_THEIRS = re.compile(rb"[A-Za-z0-9_.-]{8,64}")
_REQUESTS = Counter("parley_http_requests", "Requests that Django answered.", ["method", "route", "status"])
_SECONDS = Histogram(
    "parley_http_seconds", "How long that took, in the queue for a thread and on it.", ["method"]
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def begin(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Every log line of this task, and of what it starts, carries the id that is returned."""
    request_id = _id_of_proxy(headers) or secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def _id_of_proxy(headers: Iterable[tuple[bytes, bytes]]) -> str:
    if settings.TRUSTED_PROXIES:
        for name, value in headers:
            if name == b"x-request-id" and _THEIRS.fullmatch(value):
                return value.decode()
    return ""


@contextmanager
def told(began_at: float) -> Iterator["Told"]:
    """Counts and logs the request that the block answers; `began_at` is by the monotonic clock."""
    request = Told()
    with span("request") as traced:
        yield request
        route = request.route
        if traced is not None:
            traced.update_name(f"{request.method} {route}")
            traced.set_attribute("http.request.method", request.method)
            traced.set_attribute("http.route", route)
            traced.set_attribute("http.response.status_code", request.status)
    seconds = time.monotonic() - began_at
    _REQUESTS.labels(request.method, route, str(request.status)).inc()
    _SECONDS.labels(request.method).observe(seconds)
    if settings.ACCESS_LOG or seconds > SLOW_S:
        logger.info("%s %s %d in %d ms", request.method, route, request.status, seconds * 1000)


class Told:
    """What came of one request, as far as it may be told."""

    method = "OTHER"
    route = "(none)"
    status = 400

    def ended(self, request: HttpRequest | None, response: HttpResponseBase) -> None:
        self.status = response.status_code
        if request is not None:
            self.method = request.method if request.method in _METHODS else "OTHER"
            if request.resolver_match is not None:
                self.route = f"/{request.resolver_match.route}"
