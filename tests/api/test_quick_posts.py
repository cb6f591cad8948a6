"""Posts in the ordinary form are answered as the view answers them, and what is out of the ordinary is the view's."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
import time_machine
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from api import quick_posts
from api.quick_posts import ordinary
from asgi_app.handler import OneHopHandler
from asgi_app.quick import QuickDoor
from messaging.actions.accounts import create_token, sign_up
from messaging.actions.chats import create_room
from messaging.actions.messages import post_alone, post_messages
from messaging.database import DatabaseThreads
from messaging.models import Message, Token, User
from messaging.together import PerLoop, Together
from tests.conftest import PASSWORD

FEED = "/api/chats/feed/messages/"
# Of one message only.
DIFFERENT = dict.fromkeys(("id", "number", "seq", "created_at"))


@dataclass(frozen=True)
class Ask:
    """One request as the server hands it over; `saying` are headers beside the usual ones."""

    token: str
    body: bytes = b'{"text": "Good morning"}'
    path: str = FEED
    saying: tuple[tuple[bytes, bytes], ...] = ()
    method: str = "POST"
    query: bytes = b""
    scheme: str = "http"
    host: bytes = b"testserver"
    address: str = "203.0.113.7"

    @property
    def scope(self) -> dict[str, Any]:
        usual = {
            b"host": self.host,
            b"authorization": f"Token {self.token}".encode(),
            b"content-type": b"application/json",
            b"content-length": b"%d" % len(self.body),
        }
        return {
            "type": "http",
            "http_version": "1.1",
            "method": self.method,
            "scheme": self.scheme,
            "path": self.path,
            "raw_path": self.path.encode(),
            "root_path": "",
            "query_string": self.query,
            "headers": [*(usual | dict(self.saying)).items()],
            "client": [self.address, 50000],
            "server": ["127.0.0.1", 8000],
        }

    async def of(self, application: Any) -> tuple[int, dict[str, str], Any]:
        sent: list[Any] = []
        pieces = [self.body[:5], self.body[5:]]

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await application(self.scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        assert len(headers) == len(sent[0]["headers"])
        assert headers.pop("x-request-id")
        body = b"".join(part["body"] for part in sent[1:])
        assert int(headers.pop("content-length")) == len(body)
        answer = orjson.loads(body)
        return sent[0]["status"], headers, answer | DIFFERENT if "number" in answer else answer


@pytest.fixture
def django(threads: DatabaseThreads) -> OneHopHandler:
    return OneHopHandler(threads, settings.MAX_BODY_BYTES)


@pytest.fixture
def threads() -> Iterator[DatabaseThreads]:
    pool = DatabaseThreads("http", 2)
    yield pool
    pool.close(5)


@pytest.fixture
def door(django: OneHopHandler, threads: DatabaseThreads, monkeypatch: pytest.MonkeyPatch) -> QuickDoor:
    # On threads that end with the test, and so do their connections.
    posts = PerLoop(lambda: Together(post_messages, post_alone, lambda _: False, threads))
    monkeypatch.setattr(quick_posts, "posts", posts)

    async def otherwise(scope: Any, receive: Any, send: Any) -> None:
        pytest.fail(f"This was to be answered quickly: {scope}")

    return QuickDoor(django, otherwise)


@pytest.fixture
def tokens(alice: User, bob: User, charlie: User) -> dict[str, str]:
    secrets = {name: create_token(user=user)[1] for name, user in (("alice", alice), ("bob", bob))}
    expired, secrets["expired"] = create_token(user=alice)
    Token.objects.filter(pk=expired.pk).update(expiry=timezone.now() - timedelta(days=1))
    secrets["inactive"] = create_token(user=charlie)[1]
    charlie.is_active = False
    charlie.save()
    for limit in ("POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE", "TOKEN_REQUESTS_PER_MINUTE"):
        secrets[limit] = create_token(user=sign_up(username=limit, password=PASSWORD))[1]
    return secrets | {"unknown": "f" * 64}


@pytest.mark.django_db(transaction=True)
async def test_it_answers_as_the_view_does(
    door: QuickDoor, django: OneHopHandler, threads: DatabaseThreads, tokens: dict[str, str], alice: User
) -> None:
    room = await threads.run(create_room, user=alice, name="tides", link_open=True)
    usual = Ask(tokens["alice"])
    asked = {
        "a post": (201, usual),
        "by its other name": (201, replace(usual, body=b'{"message": "Good morning"}')),
        "with a name for the character set": (
            201, replace(usual, saying=((b"content-type", b"application/json; charset=utf-8"),)),
        ),
        "into a room": (201, replace(usual, path=f"/api/chats/{room.uri}/messages/")),
        "a stranger in a room": (403, Ask(tokens["bob"], path=f"/api/chats/{room.uri}/messages/")),
        "nowhere": (404, replace(usual, path="/api/chats/nowhere/messages/")),
        "a token that is not known": (401, Ask(tokens["unknown"])),
        "a token that has expired": (401, Ask(tokens["expired"])),
        "an account that is not active": (401, Ask(tokens["inactive"])),
        "no body": (400, replace(usual, body=b"")),
        "no JSON": (400, replace(usual, body=b"text")),
        "a key twice": (400, replace(usual, body=b'{"text": "a", "text": "b"}')),
        "no object": (400, replace(usual, body=b"[1]")),
        "no text": (400, replace(usual, body=b'{"text": " "}')),
        "too much": (400, replace(usual, body=orjson.dumps({"text": "x" * 8001}))),
        "a field that is not known": (400, replace(usual, body=b'{"text": "a", "colour": "red"}')),
        "another chat": (400, replace(usual, body=b'{"text": "a", "chat": "nowhere"}')),
        "a key that is none": (400, replace(usual, saying=((b"idempotency-key", b"\xfc"),))),
    }  # fmt: skip
    for what, (status, ask) in asked.items():
        quick, slow = await ask.of(door), await ask.of(django)
        assert quick == slow, what
        assert quick[0] == status, what

    # The same key, by either way and in either place, is the same post.
    keyed = replace(usual, saying=((b"idempotency-key", b"k"),))
    in_body = replace(usual, body=b'{"text": "Good morning", "client_id": "k"}')
    first = await keyed.of(door)
    assert [await each.of(way) for each in (keyed, in_body) for way in (door, django)] == [first] * 4
    other = replace(keyed, body=b'{"text": "Good night"}')
    assert await other.of(door) == await other.of(django)
    assert (await other.of(door))[0] == 409
    assert await threads.run(Message.objects.filter(client_id="k").count) == 1

    for limit in ("POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE", "TOKEN_REQUESTS_PER_MINUTE"):
        fresh = Ask(tokens[limit])
        with override_settings(**{limit: 1}), time_machine.travel(time.time() // 60 * 60 + 10, tick=False):
            assert (await fresh.of(door))[0] == 201
            refused = await fresh.of(door)
            assert refused == await fresh.of(django)
        assert (refused[0], refused[2]["code"]) == (429, "too_many")
        assert 1 <= int(refused[1]["retry-after"]) <= 60

    near = replace(usual, address="9.9.9.9")
    with (
        override_settings(ADDRESS_REQUESTS_PER_MINUTE=1),
        time_machine.travel(time.time() // 60 * 60 + 10, tick=False),
    ):
        assert (await near.of(door))[0] == 201
        status, headers, problem = await near.of(door)
    assert (status, headers["retry-after"], problem["code"]) == (429, "50", "too_many")


async def test_a_site_that_django_would_not_answer_for_is_not_answered_for(threads: DatabaseThreads) -> None:
    asked: list[Any] = []

    async def otherwise(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"x-request-id", b"1"), (b"content-length", b"2")],
            }
        )
        await send({"type": "http.response.body", "body": b"{}"})

    await Ask("a", host=b"evil.example.org").of(QuickDoor(OneHopHandler(threads, 1000), otherwise))
    with override_settings(SECURE_SSL_REDIRECT=True):
        await Ask("a").of(QuickDoor(OneHopHandler(threads, 1000), otherwise))
    assert asked == [FEED, FEED]


USUAL = Ask("abc")


@pytest.mark.parametrize(
    "strange",
    [
        replace(USUAL, method="GET"),
        replace(USUAL, path="/api/chats/feed/messages/1/"),
        replace(USUAL, path="/api/chats/feed/messages"),
        replace(USUAL, query=b"format=api"),
        replace(USUAL, token="abc def"),
        replace(USUAL, token=""),
        replace(USUAL, saying=((b"authorization", b"Basic abc"),)),
        replace(USUAL, saying=((b"cookie", b"sessionid=1"),)),
        replace(USUAL, saying=((b"origin", b"https://example.org"),)),
        replace(USUAL, saying=((b"accept", b"text/html"),)),
        replace(USUAL, saying=((b"content-type", b"application/x-www-form-urlencoded"),)),
        replace(USUAL, saying=((b"content-length", b"9999999"),)),
        replace(USUAL, saying=((b"content-length", b""),)),
        replace(USUAL, saying=((b"transfer-encoding", b"chunked"),)),
        replace(USUAL, saying=((b"x-anything", b"1"),)),
    ],
)
def test_what_is_out_of_the_ordinary_is_the_views(strange: Ask) -> None:
    assert ordinary(USUAL.scope) is not None
    assert ordinary(strange.scope) is None


def test_what_programs_and_proxies_add_is_ordinary() -> None:
    for more in (
        {b"accept": b"application/json, text/plain, */*", b"user-agent": b"axios/1.7"},
        {b"content-type": b"application/json; charset=UTF-8", b"accept": b"*/*"},
        {b"via": b"1.1 router", b"x-request-start": b"1", b"connect-time": b"0", b"total-route-time": b"0"},
    ):
        assert ordinary(replace(USUAL, saying=(*more.items(),)).scope) is not None


@pytest.mark.parametrize("name", [b"authorization", b"host", b"x-request-id"])
def test_a_header_that_is_there_twice_is_the_views(name: bytes) -> None:
    scope = USUAL.scope
    scope["headers"].append((b"x-request-id", b"12345678"))
    assert ordinary(scope) is not None
    scope["headers"].append((name, b"other"))
    assert ordinary(scope) is None
