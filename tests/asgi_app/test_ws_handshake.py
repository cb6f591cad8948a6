"""Who is let in by a handshake, who is not, and what the answer says."""

import pytest

from tests.asgi_app.conftest import ServerProcess
from tests.asgi_app.raw import RawConnection, RawSocket, frame

GOOD = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def answer_to(server: ServerProcess, changes: dict[str, str | None]) -> str:
    """The head of the answer to a good handshake with other headers, None for none, or another `line`."""
    headers = {"line": "GET /echo HTTP/1.1", **GOOD, **changes}
    line = headers.pop("line")
    lines = [f"{line}", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    with RawConnection(server.port) as client:
        client.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return client.read_until(b"\r\n\r\n").decode("latin-1")


LET_IN: dict[str, dict[str, str | None]] = {
    "as it should be": {},
    "other cases and lists": {"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"},
    "a page's origin": {"Origin": "https://localhost:8443"},
    "no page's origin": {"Origin": "null"},
    "a file's origin": {"Origin": "file://"},
    "a host with a port": {"Host": "[::1]:8000"},
    "extensions nobody knows": {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits, x"},
    "subprotocols nobody wants": {"Sec-WebSocket-Protocol": "a, b,"},
}


@pytest.mark.parametrize("name", LET_IN)
def test_let_in(server: ServerProcess, name: str) -> None:
    answer = answer_to(server, LET_IN[name])
    assert answer.startswith("HTTP/1.1 101 ")
    # The example of RFC 6455.
    assert "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert "Extensions" not in answer
    assert "Protocol:" not in answer


NOT_LET_IN: dict[str, tuple[int, dict[str, str | None]]] = {
    "no host": (400, {"Host": None}),
    "a host that is none": (400, {"Host": "localhost:http"}),
    "no key": (400, {"Sec-WebSocket-Key": None}),
    "a short key": (400, {"Sec-WebSocket-Key": "c2hvcnQ="}),
    "a key that is no base64": (400, {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZ!=="}),
    "no version": (426, {"Sec-WebSocket-Version": None}),
    "an old version": (426, {"Sec-WebSocket-Version": "8"}),
    "a version to come": (426, {"Sec-WebSocket-Version": "99"}),
    "no connection header": (400, {"Connection": None}),
    "another connection": (400, {"Connection": "keep-alive"}),
    "an origin that is none": (400, {"Origin": "localhost"}),
    "an empty origin": (400, {"Origin": ""}),
    "half an address for an origin": (400, {"Origin": "http://["}),
    "a port that is none": (400, {"Origin": "http://localhost:x"}),
    "a subprotocol twice": (400, {"Sec-WebSocket-Protocol": "a, b, a"}),
    "a subprotocol that is none": (400, {"Sec-WebSocket-Protocol": "a b"}),
    "a line's end for somebody": (400, {"X-Strange": "a\x85b"}),
    "POST": (405, {"line": "POST /echo HTTP/1.1"}),
    "HTTP/1.0": (505, {"line": "GET /echo HTTP/1.0"}),
    "a fragment": (400, {"line": "GET /echo#here HTTP/1.1"}),
    "a path that is not ASCII": (400, {"line": "GET /\xe9 HTTP/1.1"}),
    "the application says no": (403, {"line": "GET /no HTTP/1.1"}),
    "the application fails": (500, {"line": "GET /crash HTTP/1.1"}),
    "the application says nothing": (500, {"line": "GET /leave HTTP/1.1"}),
}


@pytest.mark.parametrize("name", NOT_LET_IN)
def test_not_let_in(server: ServerProcess, name: str) -> None:
    status, changes = NOT_LET_IN[name]
    answer = answer_to(server, changes)
    assert answer.split()[1] == str(status)
    if status == 426:
        assert "\r\nSec-Websocket-Version: 13\r\n" in answer


def test_a_subprotocol_and_headers_of_the_application_are_in_the_answer(server: ServerProcess) -> None:
    with RawSocket(server.port, "/accept?b", headers="Sec-WebSocket-Protocol: a, b\r\n") as client:
        assert "\r\nSec-WebSocket-Protocol: b\r\n" in client.handshake
        assert "\r\nx-from: the application\r\n" in client.handshake


def test_a_subprotocol_that_was_not_offered_is_the_application_s_mistake(server: ServerProcess) -> None:
    with RawSocket(server.port, "/accept?c", headers="Sec-WebSocket-Protocol: a, b\r\n") as client:
        assert client.handshake.startswith("HTTP/1.1 500 ")


def test_what_came_along_with_the_handshake_is_served(server: ServerProcess) -> None:
    with RawConnection(server.port) as eager:
        lines = ["GET /echo HTTP/1.1", *(f"{name}: {value}" for name, value in GOOD.items()), "", ""]
        hello = frame(1, b"hello")
        eager.send("\r\n".join(lines).encode() + hello + hello[:3])
        assert eager.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        eager.send(hello[3:])
        assert eager.read(14) == b"\x81\x05hello" * 2


@pytest.mark.parametrize("first", [1, 20, 90, -3])
def test_a_handshake_may_come_in_pieces(server: ServerProcess, first: int) -> None:
    whole = "\r\n".join(
        ["GET /echo HTTP/1.1", *(f"{name}: {value}" for name, value in GOOD.items()), "", ""]
    ).encode()
    with RawConnection(server.port) as slow:
        slow.send(whole[:first])
        assert slow.is_silent_for(0.05)
        slow.send(whole[first:] + frame(1, b"hello"))
        assert slow.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert slow.read(7) == b"\x81\x05hello"


def test_an_early_message_that_ends_like_a_handshake_is_a_message(server: ServerProcess) -> None:
    lines = ["GET /echo HTTP/1.1", *(f"{name}: {value}" for name, value in GOOD.items()), "", ""]
    # Masked with zeros, the payload is on the wire as it is.
    message = b"\x81\x84\0\0\0\0\r\n\r\n"
    with RawConnection(server.port) as eager:
        eager.send("\r\n".join(lines).encode() + message)
        assert eager.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert eager.read(6) == b"\x81\x04\r\n\r\n"
