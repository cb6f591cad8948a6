"""Close codes with their reasons, frames that no client may send, and a client that sends faster than it is served."""

import socket
from typing import Any

import pytest

from tests.asgi_app.conftest import OURS, PLAIN_DAPHNE, ServerProcess
from tests.asgi_app.raw import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, wait_for

MAX_FRAME_BYTES = 512 * 1024


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, "bye"), (3001, "shutdown"), (3500, "invalid token"), (4999, "x" * 123)]
)
def test_a_close_carries_its_code_and_reason(server: ServerProcess, code: int, reason: str) -> None:
    with RawSocket(server.port, "/ws?alice") as alice:
        alice.say(f"close {code} {reason}")
        assert alice.read_close() == (code, reason)


def test_a_close_by_plain_asgi_carries_them_too(server: ServerProcess) -> None:
    with RawSocket(server.port) as alice:
        alice.say("asgi_close 3500 invalid token")
        assert alice.read_close() == (3500, "invalid token")
    with RawSocket(server.port) as alice:
        alice.say("asgi_close 1011 a code that the wire keeps for the server")
        assert alice.read_close() == (1011, "a code that the wire keeps for the server")


def test_on_a_server_that_drops_reasons_the_farewell_says_them_first(start: Any) -> None:
    with RawSocket(start(PLAIN_DAPHNE).port, "/ws?alice") as alice:
        alice.say("close 3500 invalid token")
        assert alice.hear() == "closing: 3500 invalid token"
        assert alice.read_close() == (3500, "")


def test_a_client_that_says_goodbye_and_stops_reading_is_dropped(server: ServerProcess) -> None:
    with (
        RawSocket(server.port, "/ws?deaf", receive_buffer=4096) as deaf,
        RawSocket(server.port, "/ws?watcher") as watcher,
    ):
        watcher.ask("flood deaf 100 100000")
        deaf.send_frame(CLOSE, b"\x03\xe8")
        wait_for(lambda: watcher.ask("about deaf")["lost"] == 1)


def test_a_client_that_answers_no_close_is_dropped(server: ServerProcess) -> None:
    with RawSocket(server.port, "/ws?rude") as rude, RawSocket(server.port, "/ws?watcher") as watcher:
        rude.say("close 3503 force disconnect")
        assert rude.read_frame()[0] == CLOSE
        wait_for(lambda: watcher.ask("about rude")["lost"] == 1)


VIOLATIONS: dict[str, tuple[dict[str, Any], int]] = {
    "reserved bits": ({"opcode": TEXT, "payload": b"echo x", "reserved": 4}, 1002),
    "no mask": ({"opcode": TEXT, "payload": b"echo x", "masked": False}, 1002),
    "a reserved opcode": ({"opcode": 3, "payload": b"echo x"}, 1002),
    "a reserved control opcode": ({"opcode": 11}, 1002),
    "a ping in fragments": ({"opcode": PING, "final": False}, 1002),
    "a long ping": ({"opcode": PING, "payload": b"x" * 126}, 1002),
    "a continuation of nothing": ({"opcode": 0, "payload": b"x"}, 1002),
    "half a close code": ({"opcode": CLOSE, "payload": b"\x03"}, 1002),
    "a close code that is none": ({"opcode": CLOSE, "payload": b"\x03\xed"}, 1002),
    "text that is not UTF-8": ({"opcode": TEXT, "payload": b"echo \xff\xfe"}, 1007),
    "UTF-8 cut off": ({"opcode": TEXT, "payload": b"echo \xc3"}, 1007),
    "a surrogate": ({"opcode": TEXT, "payload": b"echo \xed\xa0\x80"}, 1007),
    "too much": ({"opcode": TEXT, "payload": b"x" * (MAX_FRAME_BYTES + 1)}, 1009),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_answered_by_its_close_code(server: ServerProcess, violation: str) -> None:
    arguments, code = VIOLATIONS[violation]
    with RawSocket(server.port) as mallory:
        mallory.send_frame(**arguments)
        got, reason = mallory.read_close()
        assert got == code
        assert reason
    with RawSocket(server.port) as alice:
        assert alice.ask("echo hello") == "hello"


def test_fragments_may_not_add_up_to_more_than_a_frame(server: ServerProcess) -> None:
    with RawSocket(server.port) as mallory:
        mallory.send_frame(TEXT, b"x" * MAX_FRAME_BYTES, final=False)
        mallory.send_frame(0, b"x")
        assert mallory.read_close()[0] == 1009


def test_an_announced_length_is_refused_before_it_is_sent(server: ServerProcess) -> None:
    with RawSocket(server.port) as mallory:
        mallory.send(bytes((0x81, 0x80 | 127)) + (1 << 62).to_bytes(8, "big") + bytes(4))
        assert mallory.read_frame()[1][:2] == (1009).to_bytes(2, "big")


def test_the_largest_frame_and_fragments_and_pings_are_served(server: ServerProcess) -> None:
    with RawSocket(server.port) as alice:
        text = "x" * (MAX_FRAME_BYTES - 5)
        assert alice.ask(f"echo {text}") == text
        alice.send_frame(TEXT, b"echo in ", final=False)
        alice.send_frame(PING, b"between")
        alice.send_frame(0, b"parts")
        assert alice.read_frame() == (PONG, b"between")
        assert alice.hear() == '"in parts"'


def test_binary_frames_reach_the_application(server: ServerProcess) -> None:
    with RawSocket(server.port) as alice:
        alice.send_frame(BINARY, b"echo hello")
        assert alice.hear() == '"hello"'


@pytest.mark.parametrize("end", ["crash", "leave"])
def test_a_socket_whose_application_ended_is_closed(server: ServerProcess, end: str) -> None:
    with RawSocket(server.port) as alice:
        alice.say(end)
        assert alice.read_close() == (1011, "internal error")


def test_who_is_silent_is_asked_and_who_does_not_answer_is_dropped(start: Any) -> None:
    """The server looks every two seconds."""
    patience = ("--ping-interval", "1", "--ping-timeout", "1", "--websocket_connect_timeout", "1")
    server = start((*OURS, *patience))
    with RawSocket(server.port) as polite, RawSocket(server.port) as mute:
        with RawSocket(server.port, "/hesitate") as waiting:
            assert waiting.handshake.startswith("HTTP/1.1 503 ")
        for _ in range(2):
            assert polite.read(2) == bytes((0x80 | PING, 0))
            polite.send_frame(PONG)
        assert mute.read(2) == bytes((0x80 | PING, 0))
        with pytest.raises(ConnectionResetError):
            mute.read_to_end()
        polite.say("echo still here")
        assert polite.hear() == '"still here"'


def test_a_client_cannot_send_ahead_without_bound(server: ServerProcess) -> None:
    """20 MB of commands to an application that is busy: they wait in the client's kernel, not in our memory."""
    with RawSocket(server.port, "/ws?hasty") as hasty:
        hasty.say("rest")
        hasty.socket.settimeout(0.5)
        commands = b"".join([*[_masked(b"echo " + b"x" * 10_000)] * 2000])
        with pytest.raises(TimeoutError):
            hasty.send(commands)
        with RawSocket(server.port) as waker:
            waker.say("wake")
            assert hasty.hear() == '"rested"'


def _masked(payload: bytes) -> bytes:
    return bytes((0x81, 0x80 | 126)) + len(payload).to_bytes(2, "big") + bytes(4) + payload


def test_commands_sent_ahead_are_all_served_in_order(server: ServerProcess) -> None:
    with RawSocket(server.port) as hasty:
        hasty.send(b"".join(_masked(b"echo %4d " % number + b"x" * 200) for number in range(2000)))
        for number in range(2000):
            assert hasty.hear()[1:5] == f"{number:4d}"


def test_frames_sent_along_with_the_handshake_do_no_harm(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as eager:
        eager.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            + _masked(b"echo " + b"x" * 200)
        )
        assert eager.recv(1000).startswith(b"HTTP/1.1 101")


def test_a_handshake_that_is_none_gets_a_400_and_no_traceback(start: Any) -> None:
    server = start()
    for header in (
        "Sec-WebSocket-Key: another==",
        "Sec-WebSocket-Version: 99",
        "Origin: \x85",
        "X-Strange: a\x1cb",
        "X-Strange\x00: a",
    ):
        with RawSocket(server.port, headers=f"{header}\r\n") as mallory:
            assert mallory.handshake.startswith("HTTP/1.1 400"), (header, mallory.handshake)
    with RawSocket(server.port) as alice:
        assert alice.ask("echo hello") == "hello"
    server.stop()
    assert server.process.wait(10) == 0
    assert "Traceback" not in server.log()
