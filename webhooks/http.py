"""What a call is to the door in: its headers and a body that is bounded; and how it is answered."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Headers = tuple[tuple[bytes, bytes], ...]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


_CODES = {
    400: "invalid",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    503: "unavailable",
}


@dataclass(frozen=True)
class Answer:
    """What a call gets: JSON, or a text that is meant for a program just as much."""

    content: dict[str, Any] | str
    status: int = 200
    headers: Headers = ()

    @cached_property
    def messages(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """As ASGI has it. Never anything that a browser could take for a page."""
        is_text = isinstance(self.content, str)
        body = self.content.encode() if isinstance(self.content, str) else json.dumps(self.content).encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8" if is_text else b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            *self.headers,
        ]
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        return start, {"type": "http.response.body", "body": body}


class Refusal(Exception):
    """The call is answered with this, in the form of every other refusal of ours: `{"code", "detail"}`."""

    def __init__(self, status: int, sentence: str, *, code: str = "", headers: Headers = ()) -> None:
        super().__init__(sentence)
        content = {"code": code or _CODES[status], "detail": sentence}
        self.answer = Answer(content, status, headers)


@dataclass(frozen=True)
class Call:
    """A POST of JSON, as it came."""

    headers: list[tuple[bytes, bytes]]
    body: bytes

    def only(self, name: bytes) -> bytes:
        return only(self.headers, name)


def only(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of a header that is there once; nothing otherwise: two of them would be somebody's trick."""
    values = [value for each, value in headers if each == name]
    return values[0] if len(values) == 1 else b""


def too_large(max_bytes: int) -> Refusal:
    return Refusal(413, f"At most {max_bytes} bytes are taken.")


async def read_call(scope: Any, receive: Receive, max_bytes: int) -> Call:
    """All of it. Raises `Refusal`: too large, or no JSON."""
    headers = scope["headers"]
    if only(headers, b"content-type").partition(b";")[0].strip().lower() != b"application/json":
        raise Refusal(415, "Only application/json is taken.")
    stated = only(headers, b"content-length")
    if stated.isdigit() and (len(stated) > 18 or int(stated) > max_bytes):
        raise too_large(max_bytes)
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "The call was broken off.")
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise too_large(max_bytes)
        if not message.get("more_body"):
            return Call(headers, body)


async def send_answer(send: Send, answer: Answer) -> None:
    for message in answer.messages:
        await send(message)
