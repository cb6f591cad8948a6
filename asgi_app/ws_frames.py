"""Owns what a client sends over a WebSocket: RFC 6455 frames in, whole messages out, without any I/O.

- What is wrong is refused by the first bytes that show it: a length is not waited for that will not be taken.
- No more is kept than one message and one frame may have, however small the pieces are in which they come.
- Text leaves here as text: what is not UTF-8 is refused when its message is complete.
"""

from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MAX_CONTROL_BYTES = 125

PROTOCOL_ERROR = 1002
NO_CODE = 1005
NOT_UTF8 = 1007
TOO_BIG = 1009
# Those that may be sent, of the protocol's own; from 3000 to 4999 they are the applications'.
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))


class Violation(Exception):
    """The client does not keep to the protocol; nothing that it sends after this means anything."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Reads one client's frames."""

    __slots__ = ("_max_bytes", "_message", "_opcode", "_partial", "_wanted")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # A frame of which the end has not come yet, and how long it is as far as one knows.
        self._partial: bytearray | None = None
        self._wanted = 0
        # A message of which the last fragment has not come yet.
        self._message: bytearray | None = None
        self._opcode = CONTINUATION

    def feed(self, data: bytes) -> Iterator[tuple[int, str | bytes]]:
        """The messages and control frames that this completes, each with its opcode; raises `Violation`."""
        if self._partial is not None:
            self._partial += data
            if len(self._partial) < self._wanted:
                return
            data = bytes(self._partial)
            self._partial = None
        at, end = 0, len(data)
        while at < end:
            begin, length = self._header(data, at)
            if begin + length > end:
                self._partial = bytearray(data[at:])
                self._wanted = begin + length - at
                return
            first = data[at]
            at = begin + length
            payload = _unmasked(data[begin - 4 : begin], data[begin:at])
            opcode = first & 0x0F
            if opcode >= CLOSE:
                yield opcode, payload
            elif first & 0x80 and opcode:
                yield opcode, _text(payload) if opcode == TEXT else payload
            else:
                if self._message is None:
                    self._opcode, self._message = opcode, bytearray()
                self._message += payload
                if first & 0x80:
                    payload, self._message = bytes(self._message), None
                    yield self._opcode, _text(payload) if self._opcode == TEXT else payload

    def _header(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the payload of the frame begins and how long it is; both are the least possible while too little of the
        header has come."""
        here = len(data) - at
        first = data[at]
        self._check_opcode(first)
        if here < 2:
            return at + 2, 0
        second = data[at + 1]
        if not second & 0x80:
            raise Violation(PROTOCOL_ERROR, "a client's frame has to be masked")
        begin, length = at + 6, second & 0x7F
        if first & 0x08:
            if length > MAX_CONTROL_BYTES or not first & 0x80:
                raise Violation(PROTOCOL_ERROR, "a control frame is short and whole")
            return begin, length
        if length > MAX_CONTROL_BYTES:
            least, begin = (126, at + 8) if length == 126 else (0x10000, at + 14)
            if at + here < begin - 4:
                return begin - 4, 0
            length = int.from_bytes(data[at + 2 : begin - 4], "big")
            if length < least or length >= 1 << 63:
                raise Violation(PROTOCOL_ERROR, "a length in a form that is not its own")
        if length + len(self._message or b"") > self._max_bytes:
            raise Violation(TOO_BIG, "message too big")
        return begin, length

    def _check_opcode(self, first: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            raise Violation(PROTOCOL_ERROR, "reserved bits are set")
        if BINARY < opcode < CLOSE or opcode > PONG:
            raise Violation(PROTOCOL_ERROR, "an opcode that is not known")
        if opcode < CLOSE and (opcode == CONTINUATION) != (self._message is not None):
            raise Violation(PROTOCOL_ERROR, "a fragment out of place")


def close_code(payload: bytes) -> int:
    """The code in a client's close frame; raises `Violation`."""
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _CLOSE_CODES or 3000 <= code <= 4999):
        raise Violation(PROTOCOL_ERROR, "a close code that is none")
    _text(payload[2:])
    return code


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "text that is not UTF-8") from None


def _unmasked(key: bytes, masked: bytes) -> bytes:
    """One XOR of two long numbers: the quickest that Python has for it without a loop in Python."""
    length = len(masked)
    mask = int.from_bytes((key * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(masked, "little") ^ mask).to_bytes(length, "little")
