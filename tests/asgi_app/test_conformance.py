"""RFC 6455 by a table: what the cases of the Autobahn test suite's sections 1 to 7 and 10 send, and what comes back.

Each case is sent over a socket to a server that echoes, and fed to the reader of frames in pieces of every size.
"""

from typing import NamedTuple

import pytest

from asgi_app.ws_frames import FrameReader, Violation, close_code
from tests.asgi_app.conftest import ServerProcess
from tests.asgi_app.raw import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, frame

CONTINUATION = 0
MAX_BYTES = 512 * 1024


class Case(NamedTuple):
    """Frames of a client's, what a server that echoes answers, and the code it closes with, if it does."""

    sent: list[bytes]
    answers: list[tuple[int, bytes]] = []
    code: int | None = None


def echoed(opcode: int, payload: bytes) -> Case:
    return Case([frame(opcode, payload)], [(opcode, payload)])


def fragments(opcode: int, *parts: bytes, between: bytes = b"") -> list[bytes]:
    """One message in parts, with something between each and the next."""
    sent = [frame(opcode, parts[0], final=len(parts) == 1)]
    for at, part in enumerate(parts[1:], start=2):
        sent += [between, frame(CONTINUATION, part, final=at == len(parts))]
    return sent


def in_fragments(opcode: int, *parts: bytes) -> Case:
    return Case(fragments(opcode, *parts), [(opcode, b"".join(parts))])


def closes(code: int, *sent: bytes) -> Case:
    return Case(list(sent), [], code)


SIZES = (0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537)
HELLO = frame(TEXT, b"hello")
GREEK = "κόσμε-\u20ac-\U0001f600-\ufffd-\ud7ff-\ue000-\U0010ffff-\x00".encode()

NOT_UTF8 = {
    "a lone continuation byte": b"\x80",
    "continuation bytes": b"\x80\xbf\x80",
    "impossible bytes": b"\xfe\xff",
    "an overlong slash": b"\xc0\xaf",
    "an overlong slash of three bytes": b"\xe0\x80\xaf",
    "an overlong NUL of four bytes": b"\xf0\x80\x80\x80",
    "a first surrogate": b"\xed\xa0\x80",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond the last code point": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "cut off in a character": b"\xce\xba\xe1\xbd",
    "in the middle": b"before \xff after",
}

CASES: dict[str, Case] = {
    # 1: messages of every length
    **{f"text of {size}": echoed(TEXT, b"*" * size) for size in SIZES},
    **{f"binary of {size}": echoed(BINARY, bytes(range(256)) * (size // 256) + b"\xfe" * (size % 256)) for size in SIZES},
    "many in one piece": Case([HELLO] * 50, [(TEXT, b"hello")] * 50),
    # 2: pings and pongs
    **{f"a ping of {size}": Case([frame(PING, b"p" * size)], [(PONG, b"p" * size)]) for size in (0, 1, 125)},
    "a ping that is not text": Case([frame(PING, b"\x00\xff\xfe")], [(PONG, b"\x00\xff\xfe")]),
    "ten pings": Case([frame(PING, b"%d" % n) for n in range(10)], [(PONG, b"%d" % n) for n in range(10)]),
    "a pong nobody asked for": Case([frame(PONG, b"here"), HELLO], [(TEXT, b"hello")]),
    "a ping of 126": closes(1002, frame(PING, b"p" * 126)),
    "a pong of 126": closes(1002, frame(PONG, b"p" * 126)),
    # 3: reserved bits
    **{f"reserved bits {bits}": closes(1002, frame(TEXT, b"x", reserved=bits)) for bits in range(1, 8)},
    "reserved bits of a ping": closes(1002, frame(PING, b"", reserved=4)),
    "reserved bits of a close": closes(1002, frame(CLOSE, b"", reserved=1)),
    "reserved bits after a message": Case([HELLO, frame(TEXT, b"x", reserved=2)], [(TEXT, b"hello")], 1002),
    # 4: opcodes
    **{f"opcode {opcode}": closes(1002, frame(opcode, b"x")) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "opcode 5 after a message": Case([HELLO, frame(5)], [(TEXT, b"hello")], 1002),
    # 5: fragments
    "two fragments": in_fragments(TEXT, b"one ", b"two"),
    "fragments of nothing": in_fragments(TEXT, b"", b"", b""),
    "the middle of three": in_fragments(BINARY, b"", b"\xff", b""),
    "two messages in fragments": Case(
        fragments(TEXT, b"a", b"b") + fragments(BINARY, b"c", b"d"), [(TEXT, b"ab"), (BINARY, b"cd")]
    ),
    "pings between fragments": Case(
        fragments(TEXT, b"a", b"b", b"c", between=frame(PING, b"?")), [(PONG, b"?"), (PONG, b"?"), (TEXT, b"abc")]
    ),
    "pongs between fragments": Case(fragments(TEXT, b"a", b"b", between=frame(PONG)), [(TEXT, b"ab")]),
    "a ping in fragments": closes(1002, frame(PING, b"a", final=False), frame(CONTINUATION, b"b")),
    "a pong in fragments": closes(1002, frame(PONG, b"a", final=False), frame(CONTINUATION, b"b")),
    "a continuation of nothing": closes(1002, frame(CONTINUATION, b"x")),
    "a first fragment of nothing": closes(1002, frame(CONTINUATION, b"x", final=False), HELLO),
    "a continuation after the last": Case(
        [*fragments(TEXT, b"a", b"b"), frame(CONTINUATION, b"c")], [(TEXT, b"ab")], 1002
    ),
    "a message in a message": closes(1002, frame(TEXT, b"a", final=False), frame(TEXT, b"b")),
    # 6: UTF-8
    "every kind of character": echoed(TEXT, GREEK),
    "characters cut into bytes": in_fragments(TEXT, *(GREEK[at : at + 1] for at in range(len(GREEK)))),
    "what is not a character may be binary": echoed(BINARY, b"\xff\xfe"),
    **{f"not UTF-8: {name}": closes(1007, frame(TEXT, text)) for name, text in NOT_UTF8.items()},
    "not UTF-8 over fragments": closes(1007, *fragments(TEXT, b"\xce", b"\xba\xe1", b"\xbd")),
    # 7: closing
    "a close without a code": closes(1005, frame(CLOSE)),
    **{
        f"a close with {code}": closes(code, frame(CLOSE, code.to_bytes(2, "big") + b"bye"))
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    },
    **{
        f"a close with {code}, which is none": closes(1002, frame(CLOSE, code.to_bytes(2, "big")))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    "a close with the longest reason": closes(1000, frame(CLOSE, b"\x03\xe8" + b"r" * 123)),
    "a close with too long a reason": closes(1002, frame(CLOSE, b"\x03\xe8" + b"r" * 124)),
    "a close with half a code": closes(1002, frame(CLOSE, b"\x03")),
    "a close with a reason that is not UTF-8": closes(1007, frame(CLOSE, b"\x03\xe8\xce\xba\xe1")),
    "a close in fragments": closes(1002, frame(CLOSE, b"\x03\xe8", final=False)),
    "a close within a message": closes(1000, frame(TEXT, b"a", final=False), frame(CLOSE, b"\x03\xe8")),
    "nothing counts after a close": closes(1000, frame(CLOSE, b"\x03\xe8"), frame(PING, b"?"), HELLO, frame(5)),
    # Of the frame itself
    "no mask": closes(1002, frame(TEXT, b"hello", masked=False)),
    "a mask of zeros": Case([bytes((0x81, 0x85, 0, 0, 0, 0)) + b"hello"], [(TEXT, b"hello")]),
    "a short length in two bytes": closes(1002, bytes((0x82, 0xFE, 0, 125)) + bytes(4 + 125)),
    "a short length in eight bytes": closes(1002, bytes((0x82, 0xFF)) + (65_535).to_bytes(8, "big") + bytes(4)),
    "a length below zero": closes(1002, bytes((0x82, 0xFF, 0x80)) + bytes(7)),
    "a length announced is enough": closes(1009, bytes((0x82, 0xFF)) + (MAX_BYTES + 1).to_bytes(8, "big")),
    "the longest message": echoed(BINARY, b"\x5a" * MAX_BYTES),
    "fragments that are too much": closes(1009, *fragments(BINARY, b"x" * MAX_BYTES, b"x")),
    # 10: a long message in many fragments
    "65 536 in parts of 1 300": in_fragments(TEXT, *(b"*" * min(1300, 65_536 - at) for at in range(0, 65_536, 1300))),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_over_a_socket(server: ServerProcess, name: str) -> None:
    sent, answers, code = CASES[name]
    with RawSocket(server.port, "/echo") as client:
        client.send(b"".join(sent))
        if code is None:
            assert [client.read_frame() for _ in answers] == answers
            # And it lives.
            client.send_frame(CLOSE, b"\x0f\xa0")
            code = 4000
        heard = [client.read_frame()]
        while heard[-1][0] != CLOSE:
            heard.append(client.read_frame())
        # What came before a violation may still be with the application.
        *before, (_, payload) = heard
        assert before == answers[: len(before)]
        assert payload[:2] == (b"" if code == 1005 else code.to_bytes(2, "big"))
        assert client.read_to_end() == b""


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_however_it_is_cut(piece: int) -> None:
    for name, (sent, answers, code) in CASES.items():
        data = b"".join(sent)
        if len(data) // piece > 2000:
            continue
        read, closed = read_in_pieces(data, piece)
        echoes = [(PONG if opcode == PING else opcode, payload) for opcode, payload in read if opcode != PONG]
        assert (echoes, closed) == (answers, code), name


def read_in_pieces(data: bytes, piece: int) -> tuple[list[tuple[int, bytes]], int | None]:
    """What a reader makes of it, up to the end that it leads to."""
    reader = FrameReader(MAX_BYTES)
    read: list[tuple[int, bytes]] = []
    try:
        for at in range(0, len(data), piece):
            for opcode, payload in reader.feed(data[at : at + piece]):
                if opcode == CLOSE:
                    assert isinstance(payload, bytes)
                    return read, close_code(payload)
                read.append((opcode, payload.encode() if isinstance(payload, str) else payload))
    except Violation as violation:
        return read, violation.code
    return read, None


def test_a_frame_in_ever_so_small_pieces_is_read_in_linear_time() -> None:
    reader, whole = FrameReader(MAX_BYTES), frame(BINARY, bytes(MAX_BYTES))
    read = [message for at in range(0, len(whole), 2) for message in reader.feed(whole[at : at + 2])]
    assert [(opcode, len(payload)) for opcode, payload in read] == [(BINARY, MAX_BYTES)]
