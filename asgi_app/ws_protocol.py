"""Owns one WebSocket as our server speaks it: the state it is in, the ASGI application behind it, and its end.

CONNECTING until the application accepts, OPEN until either side sends a close frame, CLOSING until the connection is
gone, CLOSED. There is no way back, and these hold:
- The application is asked only about a proper handshake (`ws_handshake.py`), and gets only whole messages
  (`ws_frames.py`), no more ahead than it has room for (`inbox.py`).
- Every byte goes out by the wire (`daphne_wire.py`), which takes an application's frames only in state OPEN.
- A close frame is sent once. Whoever has sent or answered one is gone `CLOSE_HANDSHAKE_S` later, whatever the client does.
- After a violation nothing of the client is believed, nor answered; it is read and thrown away until the client has
  had the time to see why, for a connection closed with bytes unread is reset, and the reset overtakes the close frame.
- The wire is lost in `connectionLost`, synchronously: the descriptor may be another client's a moment later.
- The application is told of the disconnection once all that came before is taken, and is cancelled if it stays on.
"""

import asyncio
import logging
import time
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from asgi_app.daphne_wire import DaphneWire
from asgi_app.inbox import Inbox, Message
from asgi_app.ws_frames import CLOSE, NO_CODE, PING, PONG, TEXT, FrameReader, Violation, close_code
from asgi_app.ws_handshake import Handshake, refusal
from consumers.wire import EXTENSION, HTTP_ANSWER, MAX_REASON_BYTES, binary_frame, text_frame

if TYPE_CHECKING:
    from asgi_app.server import Server

logger = logging.getLogger("parley.server.websocket")

CLOSE_HANDSHAKE_S = 5
COME_BACK = (3001, "shutdown")
NORMAL = 1000
LOST = 1006
INTERNAL_ERROR = 1011
# What an application may be ahead of its client when it sends by plain ASGI, and what pongs may be.
MAX_BUFFERED_BYTES = 64 * 1024
# What a client may send before it has the handshake's answer.
MAX_EARLY_BYTES = 64 * 1024

_FINAL = 0x80


class State(Enum):
    """See the module."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class WebSocketProtocol:
    """One WebSocket, which to Twisted is the transport's protocol."""

    __slots__ = (
        "_answer",
        "_client",
        "_close_code",
        "_connected_at",
        "_early",
        "_end",
        "_handshake",
        "_heard_at",
        "_inbox",
        "_is_deaf",
        "_pinged_at",
        "_reader",
        "_server",
        "_transport",
        "application",
        "path",
        "state",
        "wire",
    )

    def __init__(self, server: "Server", transport: Any, handshake: Handshake, scope: dict[str, Any]) -> None:
        self.state = State.CONNECTING
        self.path: str = scope["path"]
        self.wire = DaphneWire(transport, self.close)
        self._server = server
        self._transport = transport
        self._client = scope["client"]
        self._handshake: Handshake | None = handshake
        self._inbox = Inbox(transport)
        self._reader = FrameReader(server.websocket_max_message_size)
        self._early = b""
        self._answer: Message | None = None
        self._is_deaf = False
        self._heard_at = self._connected_at = time.monotonic()
        self._pinged_at = 0.0
        self._close_code = LOST
        self._end: asyncio.TimerHandle | None = None
        scope["subprotocols"] = handshake.subprotocols
        scope["extensions"] = {EXTENSION: self.wire, HTTP_ANSWER: {}}
        self._inbox.put({"type": "websocket.connect"})
        self.application = server.start_application(scope, self._inbox.get, self.send)
        self.application.add_done_callback(self._application_ended)
        server.sockets.add(self)
        self._tell("connecting")

    # What the client says

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._is_deaf:
            return
        if self.state is State.CONNECTING:
            self._early += data
            if len(self._early) > MAX_EARLY_BYTES:
                self._transport.abortConnection()
            return
        self._heard_at = time.monotonic()
        try:
            for opcode, payload in self._reader.feed(data):
                self._take(opcode, payload)
        except Violation as violation:
            self._refuse_to_listen(violation)

    def _take(self, opcode: int, payload: Any) -> None:
        if opcode == CLOSE:
            self._take_close(payload)
        elif self.state is not State.OPEN:
            # After a close of ours the answer could not be sent, so the command is not taken.
            return
        elif opcode == PING:
            # A client that does not read gets no pongs to read.
            if self.wire.buffered <= MAX_BUFFERED_BYTES:
                self.wire.write(_control_frame(PONG, payload))
        elif opcode != PONG:
            kind = "text" if opcode == TEXT else "bytes"
            self._inbox.put({"type": "websocket.receive", kind: payload}, len(payload))

    def _take_close(self, payload: bytes) -> None:
        self._close_code = close_code(payload)
        if self.state is State.OPEN:
            self._send_close(b"" if self._close_code == NO_CODE else payload[:2])
        self._is_deaf = True
        self._transport.loseConnection()

    def _refuse_to_listen(self, violation: Violation) -> None:
        self._is_deaf = True
        if self.state is State.OPEN:
            self.close(violation.code, violation.reason)
        self.wire.end()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        self.wire.lost()
        self.state = State.CLOSED
        if self._end is not None:
            self._end.cancel()
        self._inbox.end({"type": "websocket.disconnect", "code": self._close_code})
        if self.application.done():
            self._server.sockets.discard(self)
        else:
            patience_s = self._server.application_close_timeout
            self._end = self._server.loop.call_later(patience_s, self.application.cancel)
        self._tell("disconnected")

    # What the application says

    async def send(self, message: Message) -> None:
        """The application's `send`; raises ValueError for what makes no sense, and waits for a client that reads slowly."""
        kind = message["type"]
        if self.state is State.CONNECTING:
            if kind == "websocket.accept":
                self._accept(message)
            elif kind == "websocket.close":
                self._reject(403, b"Forbidden")
            elif kind == f"{HTTP_ANSWER}.start":
                self._answer = message
            elif kind == f"{HTTP_ANSWER}.body" and self._answer is not None:
                self._reject_with(self._answer, message.get("body", b""))
            else:
                raise ValueError(f"Expected an answer to the handshake, got {kind!r}.")
        elif kind == "websocket.send":
            text = message.get("text")
            frame = text_frame(text.encode()) if text is not None else binary_frame(message["bytes"])
            if self.wire.send(frame) > MAX_BUFFERED_BYTES:
                await self.wire.drained(MAX_BUFFERED_BYTES)
        elif kind == "websocket.close":
            self.close(message.get("code") or NORMAL, message.get("reason") or "")
        elif self.state is State.OPEN:
            raise ValueError(f"Expected something to send or a close, got {kind!r}.")

    def _accept(self, message: Message) -> None:
        assert self._handshake is not None
        answer = self._handshake.answer(
            self._server.server_name, message.get("subprotocol"), message.get("headers") or ()
        )
        self._handshake = None
        self.state = State.OPEN
        self.wire.write(answer)
        self.wire.open()
        self._tell("connected")
        if self._server.draining:
            self.send_away()
        if self._early:
            early, self._early = self._early, b""
            self.dataReceived(early)

    def _reject_with(self, start: Message, body: bytes) -> None:
        """Answers the handshake with what the application has to say, which is short."""
        status = HTTPStatus(start["status"])
        headers = list(start.get("headers") or [])
        self._end_with(refusal(status.value, status.phrase.encode(), headers, body))

    def _reject(self, status: int, title: bytes) -> None:
        """Answers the handshake with an error."""
        self._end_with(refusal(status, title))

    def _end_with(self, response: bytes) -> None:
        self.state = State.CLOSING
        self._give_up_soon()
        self.wire.write(response)
        self._transport.loseConnection()
        self._tell("rejected")

    def _application_ended(self, application: asyncio.Task[None]) -> None:
        """Nobody will read from this socket any more."""
        error = None if application.cancelled() else application.exception()
        if error is not None:
            logger.error("Exception inside application: %s", error, exc_info=error)
        if self.state is State.CONNECTING:
            self._reject(500, b"Internal Server Error")
        elif self.state is State.CLOSED:
            if self._end is not None:
                self._end.cancel()
            self._server.sockets.discard(self)
        else:
            self.close(INTERNAL_ERROR, "internal error")

    # The end

    def close(self, code: int, reason: str) -> None:
        """Begins the closing handshake, if nobody has."""
        if self.state is State.OPEN:
            self._send_close(code.to_bytes(2, "big") + _at_most(reason, MAX_REASON_BYTES))

    def send_away(self) -> None:
        """The server ends; another takes over."""
        self.close(*COME_BACK)

    def _send_close(self, payload: bytes) -> None:
        self.state = State.CLOSING
        self.wire.write(_control_frame(CLOSE, payload))
        self.wire.shut()
        self._inbox.release()
        self._give_up_soon()

    def _give_up_soon(self) -> None:
        self._end = self._server.loop.call_later(CLOSE_HANDSHAKE_S, self._transport.abortConnection)

    def look_at_the_clock(self, now: float) -> None:
        """Ends what takes too long, and asks who has been silent whether they are there."""
        server = self._server
        if self.state is State.CONNECTING:
            if 0 <= server.websocket_connect_timeout < now - self._connected_at:
                self._reject(503, b"Service Unavailable")
        elif self.state is State.OPEN:
            if 0 <= server.websocket_timeout < now - self._connected_at:
                self.close(NORMAL, "")
            elif self._pinged_at > self._heard_at:
                if now - self._pinged_at > server.ping_timeout:
                    self._transport.abortConnection()
            elif now - self._heard_at > server.ping_interval:
                self._pinged_at = now
                self.wire.write(_control_frame(PING, b""))

    def _tell(self, what: str) -> None:
        if self._server.action_logger is not None:
            client = "{}:{}".format(*self._client) if self._client else None
            self._server.log_action("websocket", what, {"path": self.path, "client": client})

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        return "WebSocket"


def _control_frame(opcode: int, payload: bytes) -> bytes:
    return bytes((_FINAL | opcode, len(payload))) + payload


def _at_most(text: str, max_bytes: int) -> bytes:
    """As UTF-8, without half a character at its end."""
    return text.encode()[:max_bytes].decode(errors="ignore").encode()
