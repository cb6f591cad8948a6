"""Only what our own proxies appended is believed."""

from typing import Any

import pytest

from asgi_app.proxies import believe


def scope(*headers: tuple[bytes, bytes], kind: str = "http") -> dict[str, Any]:
    return {"type": kind, "scheme": kind, "client": ["10.0.0.1", 5000], "headers": list(headers)}


SPOOFED = (b"x-forwarded-for", b"6.6.6.6, 203.0.113.7")


def test_without_proxies_nobody_is_believed_and_nobody_later_can_be() -> None:
    asked = scope(
        SPOOFED, (b"x-forwarded-proto", b"https"), (b"forwarded", b"for=6.6.6.6"), (b"accept", b"*/*")
    )
    believe(asked, 0)
    assert asked["client"] == ["10.0.0.1", 5000]
    assert asked["scheme"] == "http"
    assert asked["headers"] == [(b"accept", b"*/*")]


@pytest.mark.parametrize(
    ("proxies", "headers", "client"),
    [
        (1, [SPOOFED], "203.0.113.7"),
        (1, [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"203.0.113.7")], "203.0.113.7"),
        (2, [(b"x-forwarded-for", b"6.6.6.6, 203.0.113.7, 10.0.0.2")], "203.0.113.7"),
        (2, [(b"x-forwarded-for", b"203.0.113.7")], "203.0.113.7"),
        (1, [(b"x-forwarded-for", b"2001:db8::1")], "2001:db8::1"),
        (1, [], "10.0.0.1"),
        (1, [(b"x-forwarded-for", b"")], "10.0.0.1"),
    ],
)
def test_the_client_is_what_the_outermost_of_our_proxies_saw(
    proxies: int, headers: list[tuple[bytes, bytes]], client: str
) -> None:
    asked = scope(*headers)
    believe(asked, proxies)
    assert asked["client"][0] == client
    assert asked["headers"] == []


@pytest.mark.parametrize(("kind", "secure"), [("http", "https"), ("ws", "wss")])
def test_the_scheme_is_what_our_proxy_says(kind: str, secure: str) -> None:
    asked = scope((b"x-forwarded-proto", b"http, https"), kind=kind)
    believe(asked, 1)
    assert asked["scheme"] == secure
    asked = scope((b"x-forwarded-proto", b"https, http"), kind=kind)
    believe(asked, 1)
    assert asked["scheme"] == kind
