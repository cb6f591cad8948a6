"""Finished frames, and the wire for servers that have none of their own."""

import asyncio
from typing import Any

import pytest

from consumers.wire import AsgiWire, asgi_messages, binary_frame, text_frame, wire_of


class Server:
    """An ASGI server's `send` that a test can hold and break."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.error: Exception | None = None

    async def send(self, message: Any) -> None:
        await self.may_send.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_says_its_length_in_the_shortest_form_and_can_be_taken_apart(length: int) -> None:
    payload = b"x" * length
    finished = text_frame(payload)
    assert len(finished) == length + (2 if length < 126 else 4 if length < 65_536 else 10)
    assert finished[0] == 0x81
    joined = finished + binary_frame(payload) + finished
    assert list(asgi_messages(joined)) == [
        {"type": "websocket.send", "text": payload.decode()},
        {"type": "websocket.send", "bytes": payload},
        {"type": "websocket.send", "text": payload.decode()},
    ]


def test_a_server_that_offers_a_wire_is_taken_at_its_word() -> None:
    server = Server()
    offered = AsgiWire(server.send)
    assert wire_of({"extensions": {"parley.wire": offered}}, server.send) is offered
    scopes: list[dict[str, Any]] = [{}, {"extensions": None}, {"extensions": {"other": {}}}]
    for scope in scopes:
        assert isinstance(wire_of(scope, server.send), AsgiWire)


async def test_frames_are_sent_in_order_and_counted_until_they_are() -> None:
    server = Server()
    server.may_send.clear()
    wire = AsgiWire(server.send)
    for number in range(0, 10, 2):
        buffered = wire.send(text_frame(b"%d" % number) + text_frame(b"%d" % (number + 1)))
    assert buffered == wire.buffered == 10 * len(text_frame(b"0"))
    server.may_send.set()
    await asyncio.wait_for(wire.drained(), 5)
    assert [message["text"] for message in server.sent] == [str(number) for number in range(10)]
    assert wire.buffered == 0
    wire.send(text_frame("grüße".encode()))
    await asyncio.wait_for(wire.drained(), 5)
    assert server.sent[-1]["text"] == "grüße"


async def test_drained_waits_for_as_little_as_asked() -> None:
    server = Server()
    server.may_send.clear()
    wire = AsgiWire(server.send)
    for _ in range(2):
        wire.send(text_frame(b"12345678"))
    await asyncio.wait_for(wire.drained(below_bytes=20), 5)
    waiting = asyncio.create_task(wire.drained(below_bytes=10))
    await asyncio.sleep(0)
    assert not waiting.done()
    server.may_send.set()
    await asyncio.wait_for(waiting, 5)


async def test_a_close_comes_after_what_was_sent_and_says_why() -> None:
    server = Server()
    wire = AsgiWire(server.send, lambda code, reason: text_frame(f"{code} {reason}".encode()))
    wire.send(text_frame(b"before"))
    wire.close(3500, "invalid token")
    wire.close(3001, "again")
    assert not wire.is_open
    wire.send(text_frame(b"after"))
    await asyncio.wait_for(wire.drained(), 5)
    await asyncio.sleep(0)
    assert server.sent == [
        {"type": "websocket.send", "text": "before"},
        {"type": "websocket.send", "text": "3500 invalid token"},
        {"type": "websocket.close", "code": 3500, "reason": "invalid token"},
    ]
    wire.lost()


async def test_a_socket_without_a_farewell_is_just_closed() -> None:
    server = Server()
    wire = AsgiWire(server.send)
    wire.close(1000, "bye")
    await asyncio.sleep(0)
    assert server.sent == [{"type": "websocket.close", "code": 1000, "reason": "bye"}]
    wire.lost()


async def test_a_lost_socket_is_told_once_and_takes_nothing_more() -> None:
    server = Server()
    server.may_send.clear()
    wire = AsgiWire(server.send)
    told: list[bool] = []
    wire.on_lost = lambda: told.append(wire.is_open)
    wire.send(text_frame(b"x"))
    waiting = asyncio.create_task(wire.drained())
    await asyncio.sleep(0)
    wire.lost()
    assert told == [False], "before lost() returns"
    wire.lost()
    wire.send(text_frame(b"y"))
    wire.close(3001, "shutdown")
    await asyncio.wait_for(waiting, 5)
    server.may_send.set()
    await asyncio.sleep(0)
    assert (told, server.sent, wire.buffered) == ([False], [], 0)


async def test_a_server_that_raises_has_lost_the_socket() -> None:
    server = Server()
    server.error = OSError("gone")
    wire = AsgiWire(server.send)
    told: list[bool] = []
    wire.on_lost = lambda: told.append(True)
    wire.send(text_frame(b"x"))
    await asyncio.wait_for(wire.drained(), 5)
    assert told == [True]
    assert not wire.is_open


async def test_a_client_that_reads_nothing_cannot_hold_up_a_close_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("consumers.wire.CLOSE_TIMEOUT_S", 0.05)
    server = Server()
    server.may_send.clear()
    wire = AsgiWire(server.send)
    gone = asyncio.Event()
    wire.on_lost = gone.set
    wire.send(text_frame(b"x"))
    wire.close(3008, "slow")
    await asyncio.wait_for(gone.wait(), 5)
    assert wire.buffered == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1001, "going away"), (2999, "x"), (5000, "x"), (3001, ""), (3001, "ü"), (3001, "x" * 124)],
)
async def test_a_close_that_clients_misunderstand_is_a_mistake(code: int, reason: str) -> None:
    wire = AsgiWire(Server().send)
    with pytest.raises(ValueError, match="close"):
        wire.close(code, reason)
    assert wire.is_open
