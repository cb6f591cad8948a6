"""Owns WebSockets as our Daphne speaks them: a wire for each, close codes with their reasons, no reading ahead."""

from http import HTTPStatus
from typing import Any

from autobahn.util import encode_truncate
from autobahn.websocket import protocol as autobahn_protocol
from autobahn.websocket.types import ConnectionDeny
from daphne import ws_protocol as daphne

from asgi_app.daphne_wire import DaphneWire
from consumers.wire import HTTP_ANSWER, MAX_REASON_BYTES

# Autobahn lays out all its options for a debug line at every handshake, read or not: a sixth of its time.
autobahn_protocol.pformat = lambda _: ""

CLOSE_HANDSHAKE_S = 5
COME_BACK = (3001, "shutdown")
INTERNAL_ERROR = 1011


class WebSocketProtocol(daphne.WebSocketProtocol):
    """One WebSocket."""

    wire: DaphneWire | None = None
    # Set when the handshake is good enough for an application to be asked.
    server: Any = None
    give_up: Any = None
    # Of the HTTP answer to a handshake that is refused.
    refusal: dict[str, Any] | None = None

    def onConnect(self, request: Any) -> Any:  # noqa: N802 - Autobahn's name, like all of this form below
        if DaphneWire.fits(self.transport):
            self.wire = DaphneWire(self)
        return super().onConnect(request)

    def onOpen(self) -> None:  # noqa: N802
        super().onOpen()
        if self.server.draining:
            self.send_away()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        # After a close of ours the answer could not be sent, so the command is not taken.
        if self.state == self.STATE_OPEN:
            super().onMessage(payload, isBinary)

    def dropConnection(self, abort: bool = False) -> None:  # noqa: N802
        # Autobahn aborts even after a complete closing handshake, and a reset may overtake the close frame.
        super().dropConnection(abort=abort and not self.wasClean)
        if self.give_up is None:
            self.give_up = self.factory.reactor.callLater(CLOSE_HANDSHAKE_S, self.transport.abortConnection)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        if self.give_up is not None and self.give_up.active():
            self.give_up.cancel()
        if self.wire is not None:
            self.wire.lost()
        super().connectionLost(reason)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:  # noqa: N802, N803
        if self.server is not None:
            super().onClose(wasClean, code, reason)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and self.state != self.STATE_CONNECTING:
            self.close(message.get("code") or 1000, message.get("reason") or "")
        elif message["type"] == f"{HTTP_ANSWER}.start":
            self.refusal = message
            self.serverReject()
        elif message["type"] != f"{HTTP_ANSWER}.body":
            super().handle_reply(message)

    def serverReject(self) -> None:  # noqa: N802
        """Daphne's, with the application's own status and headers where it has sent some."""
        if self.refusal is None:
            super().serverReject()
            return
        status = HTTPStatus(self.refusal["status"])
        self.handshake_deferred.errback(ConnectionDeny(code=status.value, reason=status.phrase))
        del self.handshake_deferred
        self.server.protocol_disconnected(self)

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:  # noqa: N802, N803
        headers = [(name.decode(), value.decode()) for name, value in (self.refusal or {}).get("headers", ())]
        super().sendHttpErrorResponse(
            code, reason, [*(responseHeaders or ()), *headers, ("Content-Length", "0")]
        )

    def close(self, code: int, reason: str) -> None:
        """Closes an open socket with any code (Autobahn's `sendClose` is for an application's codes only)."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=encode_truncate(reason, MAX_REASON_BYTES))

    def send_away(self) -> None:
        """The server ends; another takes over."""
        self.close(*COME_BACK)

    def application_ended(self, error: BaseException | None) -> None:
        """Nobody will read from this socket any more."""
        if error is not None:
            self.handle_exception(error)
        else:
            self.close(INTERNAL_ERROR, "internal error")

    def handle_exception(self, exception: BaseException) -> None:
        if self.state == self.STATE_CONNECTING:
            super().handle_exception(exception)
        else:
            self.close(INTERNAL_ERROR, "internal error")


class WebSocketFactory(daphne.WebSocketFactory):
    """Makes them."""

    protocol = WebSocketProtocol
