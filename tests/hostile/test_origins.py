"""Whose cookie counts: a page of ours is signed in, a foreign page is nobody, whoever's browser it is in."""

import httpx
import pytest
from django.conf import settings

from tests.consumers.raw import RawClient
from tests.consumers.stage import Actor, Cast, Stage, new_session

FOREIGN = (
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://evil.example/localhost",
    "http://localhost@evil.example",
    "file://",
    "http://[",
    "http://[::1",
    "localhost",
    "",
)


def whoever_comes(stage: Stage, cookie: str, *headers: str) -> int | None:
    """Who a connection with this cookie is taken for."""
    lines = "".join(f"{header}\r\n" for header in (f"Cookie: {cookie}", *headers))
    with RawClient(stage, headers=lines) as client:
        if not client.is_accepted:
            assert client.handshake.startswith("HTTP/1.1 400"), "no browser sends such a thing"
            return None
        user_id: int | None = client.connect()["data"]["user_id"]
        if user_id is None:
            assert client.ask_for("publish", channel="chat.feed", data={"text": "x"})["error"]["code"] == 101
        return user_id


@pytest.fixture
async def cookie(stage: Stage, cast: Cast) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={await stage.act(new_session, cast.alice.user)}"


def test_a_page_of_ours_is_signed_in(stage: Stage, cast: Cast, cookie: str) -> None:
    for origin in ("http://localhost", "https://localhost", f"http://127.0.0.1:{stage.server.port}"):
        assert whoever_comes(stage, cookie, f"Origin: {origin}") == cast.alice.id
        assert whoever_comes(stage, f"other=1; {cookie}; more=2", f"Origin: {origin}") == cast.alice.id


def test_a_cookie_from_elsewhere_is_ignored(stage: Stage, cookie: str) -> None:
    for origin in FOREIGN:
        assert whoever_comes(stage, cookie, f"Origin: {origin}") is None, origin
    assert whoever_comes(stage, cookie) is None


def test_a_cookie_that_is_none_is_ignored(stage: Stage) -> None:
    name = settings.SESSION_COOKIE_NAME
    for value in ("", "nonsense", "x" * 4000, "'; DROP TABLE", "ünï"):
        assert whoever_comes(stage, f"{name}={value}", "Origin: http://localhost") is None


def test_a_token_counts_wherever_it_comes_from_and_before_the_cookie(
    stage: Stage, cast: Cast, cookie: str
) -> None:
    for origin in ("http://localhost", "https://evil.example"):
        headers = f"Cookie: {cookie}\r\nOrigin: {origin}\r\n"
        with RawClient(stage, headers=headers) as client:
            assert client.connect(cast.bob)["data"]["user_id"] == cast.bob.id
        with RawClient(stage, headers=headers) as client:
            refused = client.ask_for("connect", token="nonsense")
            assert refused["error"] == {"code": 101, "message": "unauthorized"}


def test_logging_out_of_the_page_closes_its_connection(stage: Stage, cast: Cast, cookie: str) -> None:
    with RawClient(stage, headers=f"Cookie: {cookie}\r\nOrigin: http://localhost\r\n") as client:
        assert client.connect()["data"]["user_id"] == cast.alice.id
        log_out_of_the_page(stage, cookie)
        client.socket.settimeout(1.0)
        assert client.close_said() == (3500, "invalid token")


def log_out_of_the_page(stage: Stage, cookie: str) -> None:
    with httpx.Client(base_url=stage.server.url, trust_env=False) as browser:
        token = "x" * 32
        answer = browser.post(
            "/logout/",
            headers={"Cookie": f"{cookie}; {settings.CSRF_COOKIE_NAME}={token}", "X-CSRFToken": token},
        )
        assert answer.status_code == httpx.codes.FOUND, answer.text


def test_a_visitor_reads_the_feed_and_nothing_else(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as visitor:
        assert visitor.connect()["data"] == {"user_id": None, "username": ""}
        assert "subscribe" in visitor.ask_for("subscribe", channel="chat.feed")
        assert "history" in visitor.ask_for("history", channel="chat.feed", limit=1)
        assert "presence_stats" in visitor.ask_for("presence_stats", channel="chat.feed")
        for method in ("message.post", "me", "room.create", "thread.open"):
            assert (
                visitor.ask_for("rpc", method=method, data=call_of(method, cast.alice))["error"]["code"]
                == 101
            )


def call_of(method: str, actor: Actor) -> dict[str, str]:
    bodies = {"message.post": {"chat": "feed", "text": "x"}, "thread.open": {"username": actor.name}}
    return bodies.get(method, {})


def test_denied_and_unknown_look_the_same(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as alice:
        alice.connect(cast.alice)
        made = alice.ask_for("rpc", method="room.create", data={"link_open": False})
    uri = made["rpc"]["data"]["uri"]
    for stranger in (cast.charlie, None):
        with RawClient(stage) as mallory:
            mallory.connect(stranger)
            for method, more in (
                ("subscribe", {}),
                ("subscribe", {"recover": True, "epoch": "x", "offset": 1, "flag": 2}),
                ("history", {"limit": 10}),
                ("presence", {}),
                ("presence_stats", {}),
                ("publish", {"data": {"text": "x"}}),
            ):
                denied = mallory.ask_for(method, channel=f"chat.{uri}", **more)["error"]
                unknown = mallory.ask_for(method, channel="chat.AAAAAAAAAAAAAAAA", **more)["error"]
                assert denied == unknown, method
                assert denied["code"] == (101 if method == "publish" and stranger is None else 103)
