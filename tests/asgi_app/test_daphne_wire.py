"""The direct way to a socket: whole, in order, to nobody else, and never more than is asked for in memory."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server as TcpTransport
from twisted.internet.testing import MemoryReactor

from asgi_app.daphne_wire import DaphneWire
from consumers.wire import Turns, text_frame
from tests.asgi_app.conftest import PLAIN_DAPHNE, ServerProcess
from tests.asgi_app.raw import CLOSE, TEXT, RawSocket, wait_for

FRAMES, FRAME_BYTES = 300, 100_000


def read_flood(reader: RawSocket, frames: int, size: int) -> None:
    for number in range(frames):
        opcode, payload = reader.read_frame()
        assert opcode == TEXT
        head, _, rest = payload.partition(b" ")
        assert (head, rest) == (b"%d" % number, b"%d" % (number % 10) * size)


def test_our_server_offers_its_own_wire_and_plain_daphne_does_not(server: ServerProcess, start: Any) -> None:
    with RawSocket(server.port) as alice:
        assert alice.ask("wire_kind") == "DaphneWire"
    with RawSocket(start(PLAIN_DAPHNE).port) as alice:
        assert alice.ask("wire_kind") == "AsgiWire"
        assert alice.ask("echo grüße") == "grüße"


@pytest.mark.parametrize("size", [0, 1, 100, 65_000, 70_000, 500_000])
def test_frames_of_every_length_arrive_whole(server: ServerProcess, size: int) -> None:
    with RawSocket(server.port, "/ws?alice") as alice:
        alice.say(f"flood alice 3 {size}")
        read_flood(alice, 3, size)
        assert alice.hear() == '"flooded"'


def test_a_slow_reader_gets_all_frames_in_order(server: ServerProcess) -> None:
    with (
        RawSocket(server.port, "/ws?slow", receive_buffer=4096) as slow,
        RawSocket(server.port, "/ws?watcher") as watcher,
    ):
        assert watcher.ask(f"flood slow {FRAMES} {FRAME_BYTES}") == "flooded"
        # While most of it waits in the process, more is written to the same socket.
        assert watcher.ask("about slow")["buffered"] > FRAMES * FRAME_BYTES / 2
        assert watcher.ask("tell slow the last") == "told"
        read_flood(slow, FRAMES, FRAME_BYTES)
        assert slow.hear() == '"the last"'
        # And now that nothing waits, the direct way again.
        assert watcher.ask("about slow")["buffered"] == 0
        assert slow.ask("echo hello") == "hello"


def test_frames_stay_in_order_while_the_buffer_fills_and_empties(server: ServerProcess) -> None:
    with (
        RawSocket(server.port, "/ws?slow", receive_buffer=65536) as slow,
        RawSocket(server.port, "/ws?watcher") as watcher,
    ):
        watcher.say("trickle slow 3000 20000")
        read_flood(slow, 3000, 20_000)
        assert watcher.hear() == '"trickled"'


def test_what_a_client_does_not_read_is_counted_and_another_is_not_held_up(server: ServerProcess) -> None:
    with (
        RawSocket(server.port, "/ws?deaf", receive_buffer=4096) as deaf,
        RawSocket(server.port, "/ws?watcher") as watcher,
    ):
        total = FRAMES * FRAME_BYTES
        watcher.ask(f"flood deaf {FRAMES} {FRAME_BYTES}")
        buffered = watcher.ask("about deaf")["buffered"]
        # The rest, some megabytes at most, is in the kernel's buffers.
        assert total - 10_000_000 < buffered < total + FRAMES * 20
        deaf.reset()
        wait_for(lambda: watcher.ask("about deaf") == {"open": False, "buffered": 0, "lost": 1})


def test_drained_returns_when_enough_was_read(server: ServerProcess) -> None:
    with (
        RawSocket(server.port, "/ws?slow", receive_buffer=4096) as slow,
        RawSocket(server.port, "/ws?watcher") as watcher,
    ):
        watcher.ask(f"flood slow {FRAMES} {FRAME_BYTES}")
        watcher.say("drain slow 1000000")
        assert watcher.is_silent_for(0.3)
        read_flood(slow, FRAMES, FRAME_BYTES)
        assert watcher.hear() is not None
        answer = watcher.ask("drain slow 0")
        assert answer == {"open": True, "buffered": 0}


def test_drained_returns_when_the_socket_is_lost(server: ServerProcess) -> None:
    with (
        RawSocket(server.port, "/ws?gone", receive_buffer=4096) as gone,
        RawSocket(server.port, "/ws?watcher") as watcher,
    ):
        watcher.ask(f"flood gone {FRAMES} {FRAME_BYTES}")
        watcher.say("drain gone 0")
        assert watcher.is_silent_for(0.3)
        gone.reset()
        assert watcher.hear() is not None


def test_a_reused_descriptor_never_gets_frames_of_the_lost_socket(server: ServerProcess) -> None:
    """The site keeps every wire for ever and goes on sending, which a hub would not."""
    with RawSocket(server.port, "/ws?watcher") as watcher:
        for ending in ("reset", "close", "goodbye"):
            alice = RawSocket(server.port, f"/ws?alice-{ending}")
            descriptor = alice.ask("descriptor")
            if ending == "reset":
                alice.reset()
            elif ending == "close":
                alice.socket.close()
            else:
                alice.send_frame(CLOSE, b"\x03\xe8")
                alice.read_close()
                alice.socket.close()
            wait_for(lambda name=f"about alice-{ending}": watcher.ask(name)["lost"])
            with RawSocket(server.port, f"/ws?bob-{ending}") as bob:
                assert bob.ask("descriptor") == descriptor, "the kernel gives the lowest free number"
                assert watcher.ask(f"tell alice-{ending} secret") == "told"
                assert bob.ask("echo still here") == "still here"
                assert watcher.ask(f"about alice-{ending}") == {"open": False, "buffered": 0, "lost": 1}


def test_nothing_is_sent_after_a_close_frame(server: ServerProcess) -> None:
    with RawSocket(server.port, "/ws?alice") as alice:
        alice.say("close 3503 force disconnect")
        assert alice.read_frame() == (CLOSE, (3503).to_bytes(2, "big") + b"force disconnect")
        assert alice.is_silent_for(0.2)


def test_twisted_still_means_by_its_private_names_what_the_wire_reads() -> None:
    """If this fails after an upgrade of Twisted, read `FileDescriptor.write` and `doWrite` again."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        protocol: Any = Protocol()
        reactor = MemoryReactor()
        listening_port = SimpleNamespace(_realPortNumber=1)
        transport = TcpTransport(ours, protocol, ("127.0.0.1", 1), listening_port, 0, reactor=reactor)
        protocol.makeConnection(transport)
        wire = DaphneWire(transport, send_close=lambda code, reason: None)
        turns = [Turns.count]

        def is_direct() -> bool:
            return wire.direct is not None

        def has_turned() -> bool:
            turns.append(Turns.count)
            return turns[-1] > turns[-2]

        assert not is_direct()
        wire.open()
        assert is_direct()
        assert has_turned()
        assert DaphneWire.fits(transport)
        theirs.setblocking(False)
        received = b""

        def read_some(limit: int) -> None:
            nonlocal received
            try:
                received += theirs.recv(limit)
            except BlockingIOError:
                return

        sent = b""
        for number in range(40):
            frame = text_frame(b"%d" % number * 50_000)
            wire.send(frame)
            sent += frame
            # Now and then there is room in the kernel again before the transport has used it.
            if number % 3 == 0:
                read_some(70_000)
            elif number % 3 == 1:
                transport.doWrite()
        assert wire.buffered > 1_000_000
        assert not is_direct()
        assert has_turned()
        while wire.buffered:
            read_some(30_000)
            transport.doWrite()
            in_the_kernel = len(sent) - len(received) - wire.buffered
            assert 0 <= in_the_kernel < 1_000_000
        assert not reactor.writers
        assert is_direct()
        assert has_turned()
        while len(received) < len(sent):
            read_some(1 << 20)
        assert received == sent
        wire.shut()
        assert not is_direct()
        assert has_turned()
        wire.lost()
        assert not has_turned()
