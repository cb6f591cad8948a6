"""Owns the opening handshake of a WebSocket: whether a request asks for one properly, and the answers that it gets.

An Origin has to be one; whose it is, is the application's business, which knows what credentials need one.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1
from typing import NamedTuple
from urllib.parse import urlsplit

Headers = list[tuple[bytes, bytes]]

VERSION = b"13"
# Twisted's own bound of all headers.
MAX_QUICK_BYTES = 16_384
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Without the characters that somebody takes for the end of a line.
_FIELD = re.compile(rb"[\t\x20-\x7e\x80-\x84\x86-\xff]*")
_HOST_AND_PORT = re.compile(rb"[^:]+(:\d*)?|\[[^\]]*\](:\d*)?")
_ONCE = frozenset((b"host", b"origin", b"sec-websocket-key", b"sec-websocket-version"))
_JOINED = frozenset((b"connection", b"upgrade", b"sec-websocket-protocol"))
_PATH = re.compile(rb"/[\x21-\x7e]*")
# Of a body, and what Daphne takes from whoever sends it.
_UNUSUAL = frozenset((b"content-length", b"transfer-encoding", b"expect", b"daphne-root-path"))
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """The request is no proper handshake."""

    def __init__(
        self, status: int, title: bytes, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.title = title
        self.reason = reason
        self.headers = headers


class Handshake(NamedTuple):
    """What of a proper request its answer needs."""

    key: bytes
    subprotocols: list[str]

    def answer(
        self, server_name: str, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]
    ) -> bytes:
        """The 101. Raises ValueError for what must not be in it."""
        lines = [
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + b64encode(sha1(self.key + _GUID).digest())  # noqa: S324 - as RFC 6455 has it
        ]
        if server_name:
            lines.append(b"Server: " + server_name.encode())
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                raise ValueError(f"The client offers {self.subprotocols}, not {subprotocol!r}.")
            lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode())
        for name, value in headers:
            if not _TOKEN.fullmatch(name) or not _FIELD.fullmatch(value):
                raise ValueError(f"No header may be {name!r}: {value!r}.")
            lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"


def refusal(status: int, title: bytes, headers: Headers | None = None, body: bytes = b"") -> bytes:
    """A whole response instead of the 101."""
    body = body or b"%d %b\n" % (status, title)
    lines = [
        b"HTTP/1.1 %d %b" % (status, title),
        *(b"%b: %b" % header for header in headers or [(b"Content-Type", b"text/plain")]),
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def quick_look(data: bytes) -> tuple[bytes, Headers] | None:
    """The URI and the headers, names in lower case, of what is one whole ordinary request for a WebSocket and nothing else.

    None: whoever reads HTTP is to look at it.
    """
    if len(data) > MAX_QUICK_BYTES or not data.endswith(b"\r\n\r\n"):
        return None
    first, *fields = data[:-4].split(b"\r\n")
    method, _, rest = first.partition(b" ")
    uri, _, version = rest.partition(b" ")
    if method != b"GET" or version != b"HTTP/1.1" or not _PATH.fullmatch(uri):
        return None
    headers = []
    for field in fields:
        name, colon, value = field.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):  # an empty line, too, or one that goes on
            return None
        headers.append((name.lower(), value.strip(b" \t")))
    found = dict(headers)
    is_ordinary = found.get(b"upgrade", b"").lower() == b"websocket" and not found.keys() & _UNUSUAL
    return (uri, headers) if is_ordinary else None


def check(method: bytes, version: bytes, uri: bytes, headers: Headers) -> Handshake:
    """The handshake that this request asks for, its header names in lower case; raises `Refused`."""
    if method != b"GET":
        raise Refused(405, b"Method Not Allowed", "A WebSocket begins with GET.", [(b"Allow", b"GET")])
    if version != b"HTTP/1.1":
        raise Refused(505, b"HTTP Version Not Supported", "A WebSocket begins with HTTP/1.1.")
    if not uri.isascii() or b"#" in uri:
        raise _bad("The path is malformed")
    found = _found(headers)
    if not _HOST_AND_PORT.fullmatch(found.get(b"host", b"")):
        raise _bad("Host is missing or malformed")
    if b"websocket" not in _items(found.get(b"upgrade", b"").lower()):
        raise _bad("Upgrade does not name websocket")
    if b"upgrade" not in _items(found.get(b"connection", b"").lower()):
        raise _bad("Connection does not name upgrade")
    key = found.get(b"sec-websocket-key", b"")
    if not _KEY.fullmatch(key):
        raise _bad("Sec-WebSocket-Key is missing or malformed")
    if found.get(b"sec-websocket-version") != VERSION:
        spoken = [
            (b"Sec-WebSocket-Version", VERSION),
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
        ]
        raise Refused(426, b"Upgrade Required", "Only version 13 of WebSocket is spoken here.", spoken)
    if b"origin" in found:
        _check_origin(found[b"origin"])
    offered = found.get(b"sec-websocket-protocol")
    return Handshake(key, [] if offered is None else _subprotocols(offered))


def _found(headers: Headers) -> dict[bytes, bytes]:
    """The headers by name; of what is there more than once the last, or all of it where lists are meant."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _FIELD.fullmatch(value):
            raise _bad("A header is malformed")
        if name in found and name in _ONCE:
            raise _bad(f"{name.decode()} is there more than once")
        found[name] = found[name] + b"," + value if name in found and name in _JOINED else value
    return found


def _check_origin(origin: bytes) -> None:
    if origin.lower() == b"null" or origin.startswith(b"file:"):
        return
    try:
        url = urlsplit(origin.decode("ascii"))
        is_one = bool(url.hostname) and url.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise _bad("Origin is malformed")


def _subprotocols(offered: bytes) -> list[str]:
    names = [name for name in _items(offered) if name]
    if len(set(names)) < len(names) or not all(map(_TOKEN.fullmatch, names)):
        raise _bad("Sec-WebSocket-Protocol is malformed")
    return [name.decode() for name in names]


def _items(value: bytes) -> list[bytes]:
    return [item.strip() for item in value.split(b",")]


def _bad(reason: str) -> Refused:
    return Refused(400, b"Bad Request", f"{reason}.")
