"""Owns how finished frames reach one WebSocket, whatever server holds it.

A frame is encoded once, header included, and the same bytes go to every socket that follows a stream. Our own
server offers a wire that hands them to the kernel (`asgi_app/daphne_wire.py`); under any other one `AsgiWire`
does ordinary ASGI sends, only slower.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol

from messaging.errors import TooMany

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Makes the frame that says why, for servers that drop the reason of a close.
Farewell = Callable[[int, str], bytes]

EXTENSION = "parley.wire"
# ASGI's own, for an answer to a handshake that is not the handshake's.
HTTP_ANSWER = "websocket.http.response"
MAX_REASON_BYTES = 123
# How long a closed socket may take to swallow what was sent before, until it is given up.
CLOSE_TIMEOUT_S = 5.0

_FINAL_TEXT = 0x81
_FINAL_BINARY = 0x82


def text_frame(payload: bytes) -> bytes:
    """A finished RFC 6455 server frame (final, unmasked) around UTF-8 text."""
    return _frame(_FINAL_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """The same around arbitrary bytes."""
    return _frame(_FINAL_BINARY, payload)


def _frame(first_byte: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first_byte, length)) + payload
    if length < 0x10000:
        return bytes((first_byte, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first_byte, 127)) + length.to_bytes(8, "big") + payload


def asgi_messages(frames: bytes) -> Iterator[dict[str, Any]]:
    """The ASGI events that make a server send these finished frames."""
    at = 0
    while at < len(frames):
        length, begin = frames[at + 1], at + 2
        if length >= 126:
            begin += 2 if length == 126 else 8
            length = int.from_bytes(frames[at + 2 : begin], "big")
        payload = frames[begin : begin + length]
        if frames[at] == _FINAL_TEXT:
            yield {"type": "websocket.send", "text": payload.decode()}
        else:
            yield {"type": "websocket.send", "bytes": payload}
        at = begin + length


def check_close(code: int, reason: str) -> None:
    """Raises ValueError for a close that some server refuses to send or some client misunderstands."""
    if code != 1000 and not 3000 <= code <= 4999:
        raise ValueError(f"An application closes a WebSocket with 1000 or 3000 to 4999, got {code}.")
    if not reason or not reason.isascii() or len(reason) > MAX_REASON_BYTES:
        raise ValueError(f"A close reason is 1 to {MAX_REASON_BYTES} ASCII characters, got {reason!r}.")


class Turns:
    """`count` moves whenever some wire of this process begins or ceases to be direct: whoever keeps several wires' `direct`
    looks at it before using them.
    """

    count = 0


class Wire(Protocol):
    """The sending half of one accepted WebSocket. Used from the event loop's thread only."""

    # Called exactly once, at the moment the server learns that the socket is gone: a descriptor is reused
    # at once, so whoever sends to this wire must have let go of it when this returns. A socket that was lost
    # before this was set calls nothing: look at `is_open` after setting it.
    on_lost: Callable[[], None] | None

    @property
    def is_open(self) -> bool:
        """Whether a frame sent now would be sent: accepted, neither closed by us nor lost."""

    @property
    def direct(self) -> Callable[[bytes], int] | None:
        """While finished frames may go to the kernel at once, what takes them there. None: `send` them.

        It returns how many bytes were taken or raises OSError; what was not taken must be given to `send_rest` before
        anything else is sent. A thousand of these cost less than a thousand `send`s. See `Turns` about keeping it.
        """

    @property
    def buffered(self) -> int:
        """Bytes accepted by `send` that the kernel has not taken yet."""

    def send(self, frames: bytes) -> int:
        """Sends one or several finished frames; returns what is `buffered` after it.

        Never blocks, never raises; dropped silently if the socket is not open.
        """

    def send_rest(self, rest: bytes) -> int:
        """What `direct` has not taken of frames; returns what is `buffered` after it."""

    async def drained(self, below_bytes: int = 0) -> None:
        """Returns when at most `below_bytes` are buffered, or the socket is lost."""

    def close(self, code: int, reason: str) -> None:
        """Closes after what is buffered (ValueError: see `check_close`). Once closed or lost, does nothing."""

    def lost(self) -> None:
        """The socket is gone: said by whoever hears it first, the server or the ASGI application."""


def wire_of(scope: Mapping[str, Any], send: Send, farewell: Farewell | None = None) -> Wire:
    """The wire of an accepted WebSocket: the server's own if it offers one, else plain ASGI sends."""
    offered: Wire | None = (scope.get("extensions") or {}).get(EXTENSION)
    return offered or AsgiWire(send, farewell)


async def refuse(scope: Mapping[str, Any], send: Send, refusal: TooMany) -> None:
    """Answers a handshake with 429 and when to come back; under a server that cannot, with its 403."""
    if HTTP_ANSWER not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [
        (b"retry-after", b"%d" % (refusal.retry_after_s or 1)),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    await send({"type": f"{HTTP_ANSWER}.start", "status": 429, "headers": headers})
    await send({"type": f"{HTTP_ANSWER}.body", "body": refusal.sentence.encode()})


class AsgiWire:
    """A wire over plain ASGI sends: one queue, and a writer task while there is something in it."""

    direct: Callable[[bytes], int] | None = None

    def __init__(self, send: Send, farewell: Farewell | None = None) -> None:
        self.on_lost: Callable[[], None] | None = None
        self._send = send
        self._farewell = farewell
        self._queue: deque[bytes] = deque()
        self._buffered = 0
        self._closing: tuple[int, str] | None = None
        self._give_up: asyncio.TimerHandle | None = None
        self._lost = False
        self._writer: asyncio.Task[None] | None = None
        self._progress: asyncio.Event | None = None

    @property
    def is_open(self) -> bool:
        return self._closing is None and not self._lost

    @property
    def buffered(self) -> int:
        return self._buffered

    def send(self, frames: bytes) -> int:
        if self.is_open:
            self._enqueue(frames)
        return self._buffered

    def send_rest(self, rest: bytes) -> int:
        return self.send(rest)

    async def drained(self, below_bytes: int = 0) -> None:
        while self._buffered > below_bytes and not self._lost:
            self._progress = self._progress or asyncio.Event()
            await self._progress.wait()

    def close(self, code: int, reason: str) -> None:
        check_close(code, reason)
        if not self.is_open:
            return
        self._closing = (code, reason)
        if self._farewell is not None:
            self._enqueue(self._farewell(code, reason))
        else:
            self._start_writing()
        self._give_up = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.lost)

    def lost(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._queue.clear()
        self._buffered = 0
        if self._writer is not None and self._writer is not asyncio.current_task():
            self._writer.cancel()
        if self._give_up is not None:
            self._give_up.cancel()
        self._report_progress()
        if self.on_lost is not None:
            self.on_lost()

    def _enqueue(self, frames: bytes) -> None:
        self._queue.append(frames)
        self._buffered += len(frames)
        self._start_writing()

    def _start_writing(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._queue:
                frames = self._queue.popleft()
                for message in asgi_messages(frames):
                    await self._send(message)
                self._buffered -= len(frames)
                self._report_progress()
            if self._closing is not None:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception:
            self.lost()
        finally:
            self._writer = None

    def _report_progress(self) -> None:
        if self._progress is not None:
            self._progress.set()
            self._progress = None
