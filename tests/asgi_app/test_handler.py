"""Django in one hop answers as Django's own handler does, on threads that are few and keep their connections."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.test import override_settings

from asgi_app.handler import OneHopHandler
from messaging.database import DatabaseThreads
from tests.asgi_app import handler_site
from tests.asgi_app.handler_site import go, noticed
from tests.asgi_app.raw import wait_for

MAX_BODY_BYTES = 100_000


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    noticed.clear()
    go.clear()
    # Without Parley's own pages for errors, which link to the rest of it.
    templates = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
    with override_settings(
        ROOT_URLCONF=handler_site.__name__, ALLOWED_HOSTS=["testserver"], TEMPLATES=templates
    ):
        yield
    go.set()


@pytest.fixture
def threads() -> Iterator[DatabaseThreads]:
    pool = DatabaseThreads("http", 2)
    yield pool
    go.set()
    pool.close(5)


@pytest.fixture
def handler(threads: DatabaseThreads, _site: None) -> OneHopHandler:
    return OneHopHandler(threads, MAX_BODY_BYTES)


@dataclass
class Request:
    """One request as a server would hand it to an application, and what came back."""

    path: str
    method: str = "GET"
    query: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=lambda: [b""])
    root_path: str = ""
    sent: list[Any] = field(default_factory=list)
    received: int = 0
    client_left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def scope(self) -> dict[str, Any]:
        return {
            "type": "http",
            "http_version": "1.1",
            "method": self.method,
            "scheme": "https",
            "path": self.root_path + self.path,
            "raw_path": self.path.encode(),
            "root_path": self.root_path,
            "query_string": self.query,
            "headers": [(b"host", b"testserver"), *self.headers],
            "client": ["203.0.113.7", 50000],
            "server": ["127.0.0.1", 8000],
        }

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        if self.received <= len(self.body):
            more = self.received < len(self.body)
            return {"type": "http.request", "body": self.body[self.received - 1], "more_body": more}
        await self.client_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)

    async def ask(self, application: Any) -> "Answer":
        await asyncio.wait_for(application(self.scope, self.receive, self.send), 20)
        start, *parts = self.sent
        assert start["type"] == "http.response.start"
        assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
        return Answer(
            start["status"], sorted(start["headers"]), b"".join(part.get("body", b"") for part in parts)
        )


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


FORM = [(b"content-type", b"application/x-www-form-urlencoded")]
MULTIPART = [(b"content-type", b"multipart/form-data; boundary=b")]
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncontent\r\n--b--\r\n'

REQUESTS: dict[str, dict[str, Any]] = {
    "a query": {"path": "/echo/", "query": b"a=1&a=2&b=%C3%BC"},
    "cookies and repeated headers": {
        "path": "/echo/",
        "headers": [(b"cookie", b"x=1; y=2"), (b"x-twice", b"1"), (b"x-twice", b"2"), (b"x_twice", b"3")],
    },
    "HEAD": {"path": "/echo/", "method": "HEAD"},
    "a mounted site": {"path": "/echo/", "root_path": "/mounted"},
    "a form in parts": {"path": "/echo/", "method": "POST", "headers": FORM, "body": [b"a=1", b"&a=", b"2"]},
    "an upload": {"path": "/echo/", "method": "POST", "headers": MULTIPART, "body": [FILE]},
    "a missing slash": {"path": "/echo"},
    "an unknown path": {"path": "/nowhere/"},
    "an exception": {"path": "/fail/"},
    "Http404": {"path": "/missing/"},
    "PermissionDenied": {"path": "/forbidden/"},
    "SuspiciousOperation": {"path": "/suspicious/"},
    "a redirect": {"path": "/elsewhere/"},
    "a post without a CSRF token": {"path": "/large/", "method": "POST", "headers": FORM, "body": [b"a=1"]},
    "a large response": {"path": "/large/"},
    "a file": {"path": "/file/"},
    "the head of a file": {"path": "/file/", "method": "HEAD"},
    "an asynchronous view": {"path": "/async_view/"},
    "an asynchronous stream": {"path": "/async_stream/"},
    "a query that is not UTF-8": {"path": "/echo/", "query": b"a=\xff"},
    "another host": {"path": "/echo/", "headers": [(b"host", b"evil.example")]},
}


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")  # which is what theirs does
@pytest.mark.parametrize("name", REQUESTS)
async def test_it_answers_as_djangos_own_handler_does(handler: OneHopHandler, name: str) -> None:
    ours = await Request(**REQUESTS[name]).ask(handler)
    theirs = await Request(**REQUESTS[name]).ask(ASGIHandler())
    ours.headers = [header for header in ours.headers if header[0] != b"X-Request-ID"]
    assert ours == theirs


async def test_an_exception_tells_strangers_nothing(handler: OneHopHandler) -> None:
    answer = await Request("/fail/").ask(handler)
    assert answer.status == 500
    assert b"Traceback" not in answer.body
    assert b"secret" not in answer.body


async def test_a_stream_arrives_whole(handler: OneHopHandler) -> None:
    """Not compared with Django's handler, which would read it all first, with a warning."""
    answer = await Request("/stream/").ask(handler)
    assert (answer.status, answer.body) == (200, "part 0 part 1 part 2 part 3 part 4 grüße".encode())


async def test_what_a_view_sees_of_the_request(handler: OneHopHandler) -> None:
    answer = await Request("/echo/", root_path="/mounted", query=b"a=1").ask(handler)
    seen = json.loads(answer.body)
    assert seen["meta"]["REMOTE_ADDR"] == "203.0.113.7"
    assert seen["meta"]["SCRIPT_NAME"] == "/mounted"
    assert seen["meta"]["PATH_INFO"] == "/echo/"
    assert seen["here"] == "/mounted/echo/"
    assert seen["secure"] is True
    # And the next request, on the same threads, is not mounted.
    for _ in range(4):
        assert json.loads((await Request("/echo/").ask(handler)).body)["here"] == "/echo/"


@contextlib.contextmanager
def signals_noticed() -> Iterator[None]:
    def started(**_: Any) -> None:
        noticed.append(("started", threading.current_thread().name))

    def finished(**_: Any) -> None:
        noticed.append(("finished", threading.current_thread().name))

    request_started.connect(started)
    request_finished.connect(finished)
    try:
        yield
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)


async def test_a_request_is_one_hop_from_its_first_signal_to_its_last(threads: DatabaseThreads) -> None:
    with (
        override_settings(MIDDLEWARE=[f"{handler_site.__name__}.thread_noticing_middleware"]),
        signals_noticed(),
    ):
        await Request("/echo/").ask(OneHopHandler(threads, MAX_BODY_BYTES))
    assert [what for what, _ in noticed] == ["started", "middleware", "finished"]
    assert len({thread for _, thread in noticed}) == 1
    assert noticed[0][1].startswith("http-")


@pytest.mark.parametrize("path", ["/echo/", "/fail/", "/stream/", "/file/", "/async_stream/", "/nowhere/"])
async def test_each_request_ends_once(handler: OneHopHandler, path: str) -> None:
    with signals_noticed():
        await Request(path).ask(handler)
    assert [what[0] for what in noticed if what[0] in ("started", "finished")] == ["started", "finished"]


async def test_a_stream_is_produced_on_the_pool(handler: OneHopHandler) -> None:
    await Request("/stream/").ask(handler)
    assert [what for what, _ in noticed] == ["part"] * 5 + ["closed"]
    assert all(thread.startswith("http-") for _, thread in noticed)


async def test_no_more_views_run_than_there_are_threads(
    handler: OneHopHandler, threads: DatabaseThreads
) -> None:
    asked = [asyncio.create_task(Request("/slow/").ask(handler)) for _ in range(6)]
    await until(lambda: threads.waiting == 4)
    assert noticed == ["began", "began"]
    go.set()
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}


@pytest.mark.django_db(transaction=True)
async def test_connections_are_kept_from_request_to_request(handler: OneHopHandler) -> None:
    seen = {json.loads((await Request("/database/").ask(handler)).body)["connection"] for _ in range(20)}
    assert 1 <= len(seen) <= 2


async def test_a_client_that_leaves_does_not_stop_its_view(handler: OneHopHandler) -> None:
    request = Request("/slow/")
    asked = asyncio.create_task(request.ask(handler))
    await until(lambda: noticed == ["began"])
    request.client_left.set()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go.set()
    await until(lambda: noticed == ["began", "ended"])


async def test_a_client_that_leaves_ends_its_stream(handler: OneHopHandler) -> None:
    request = Request("/endless/")
    asked = asyncio.create_task(handler(request.scope, request.receive, request.send))
    await until(lambda: len(request.sent) > 3)
    request.client_left.set()
    await asyncio.wait_for(asked, 10)
    assert noticed == ["closed"]


async def test_a_stream_that_nobody_waits_for_any_more_is_closed(handler: OneHopHandler) -> None:
    asked = asyncio.create_task(Request("/slow_endless/").ask(handler))
    await until(lambda: noticed == ["began"])
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    with signals_noticed():
        go.set()
        await until(lambda: any(what[0] == "finished" for what in noticed))


async def test_a_stream_that_fails_midway_fails_the_request(handler: OneHopHandler) -> None:
    request = Request("/broken_stream/")
    with pytest.raises(RuntimeError, match="midway"):
        await request.ask(handler)
    assert [part.get("body") for part in request.sent[1:]] == [b"half"]


async def test_a_body_that_is_announced_too_large_is_not_read(handler: OneHopHandler) -> None:
    request = Request("/echo/", "POST", headers=[(b"content-length", b"100001")])
    answer = await request.ask(handler)
    assert (answer.status, answer.body, request.received) == (413, b"413 Content Too Large\n", 0)


async def test_a_body_that_turns_out_too_large_is_not_read_to_its_end(handler: OneHopHandler) -> None:
    request = Request("/echo/", "POST", body=[b"x" * 30_000] * 100)
    answer = await request.ask(handler)
    assert (answer.status, request.received) == (413, 4)


async def test_a_body_up_to_the_bound_is_taken(handler: OneHopHandler) -> None:
    answer = await Request("/echo/", "POST", body=[b"x" * 50_000] * 2).ask(handler)
    assert len(json.loads(answer.body)["body"]) == 100_000


async def test_a_client_that_leaves_within_its_body_asks_nothing(handler: OneHopHandler) -> None:
    request = Request("/echo/", "POST", body=[])
    request.client_left.set()
    await asyncio.wait_for(handler(request.scope, request.receive, request.send), 10)
    assert (request.sent, noticed) == ([], [])


async def test_it_speaks_http_only(handler: OneHopHandler) -> None:
    with pytest.raises(ValueError, match="websocket"):
        await handler({"type": "websocket"}, None, None)


async def until(condition: Any) -> None:
    await asyncio.to_thread(wait_for, condition)
