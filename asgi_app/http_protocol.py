"""Owns HTTP as our Daphne speaks it: bounded bodies, responses no faster than the client reads, plain error pages."""

import asyncio
import time
from typing import Any
from urllib.parse import unquote

from daphne import http_protocol as daphne
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.web import http
from zope.interface import implementer

from asgi_app.daphne_wire import DaphneWire
from asgi_app.ws_handshake import Handshake, Headers, Refused, check, quick_look
from asgi_app.ws_protocol import WebSocketProtocol

# How long the client of a refused request may go on sending. To close at once would reset the connection, and the
# reset would overtake our answer.
LINGER_S = 2.0


class Channel(http.HTTPChannel):
    """One connection. It is Twisted's from its first bytes on, unless these are a handshake: its time-out and its producer
    are a twentieth of what it takes to accept a WebSocket, which has no use for them.
    """

    refused = False
    _is_new = True

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name, like all of this form below
        self._made_at = time.monotonic()
        self.factory.channels.add(self)

    def look_at_the_clock(self, now: float) -> None:
        """Ends a connection that never says anything; later on Twisted does."""
        if self._is_new and now - self._made_at > self.timeOut:
            self.transport.loseConnection()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        super().connectionLost(reason)
        self.factory.channels.discard(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self._is_new:
            self._is_new = False
            if self._is_handshake(data):
                return
            super().connectionMade()
        if not self.refused:
            super().dataReceived(data)

    def _is_handshake(self, data: bytes) -> bool:
        """Whether this was one, properly made: then the connection is a WebSocket's now. What is to be refused is not."""
        asked = quick_look(data)
        if asked is None or self.factory.server.draining or not DaphneWire.fits(self.transport):
            return False
        uri, headers = asked
        try:
            handshake = check(b"GET", b"HTTP/1.1", uri, headers)
        except Refused:
            return False
        self.become_websocket(handshake, uri, headers)
        return True

    def become_websocket(self, handshake: Handshake, uri: bytes, headers: Headers) -> None:
        """Hands the connection over."""
        path, _, query_string = uri.partition(b"?")
        transport = self._let_go()
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        server = self.factory.server
        scope = {
            "type": "websocket",
            "http_version": "1.1",
            "scheme": "ws",
            "path": unquote(path.decode()),
            "raw_path": path,
            "root_path": server.root_path,
            "query_string": query_string,
            "headers": [(name, value) for name, value in headers if b"_" not in name],
            "client": _address(transport.getPeer()),
            "server": _address(transport.getHost()),
        }
        transport.protocol = WebSocketProtocol(server, transport, handshake, scope)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:  # noqa: N802
        if self.factory.server.draining:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
            return False
        return bool(super().checkPersistence(request, version))

    def refuse(self, status: bytes) -> None:
        """Answers without reading on, and closes once the client has had the time to see the answer."""
        self.refused = True
        self.clearLineBuffer()
        self.setTimeout(None)
        body = status + b"\n"
        head = b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)
        self.transport.loseWriteConnection()
        self.factory.reactor.callLater(LINGER_S, self.transport.abortConnection)

    def _let_go(self) -> Any:
        """The transport, for a protocol that takes it over; nothing keeps the request and this channel then."""
        self.factory.channels.discard(self)
        self.setTimeout(None)
        self.requests.clear()
        self.transport.unregisterProducer()
        return self.transport

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.transport.protocol is self:
            super().rawDataReceived(data)
        else:
            # What came in one piece with the request.
            self.transport.protocol.dataReceived(data)

    def finish_up(self) -> None:
        """Closes the connection as soon as the request in progress is answered: now, if there is none."""
        if self._is_new:
            self.transport.loseConnection()
            return
        if not self.requests:
            self.loseConnection()
            return
        self.persistent = False
        for request in self.requests:
            if not request.startedWriting:
                request.responseHeaders.setRawHeaders(b"Connection", [b"close"])

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        self.refuse(b"400 Bad Request")

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        self.refuse(b"400 Bad Request")


@implementer(IPushProducer)
class Request(daphne.WebRequest):
    """One request and its response."""

    def __init__(self, channel: Channel, *args: Any) -> None:
        # Twisted would parse forms too; Django does that.
        super().__init__(channel, *args, parsePOSTFormSubmission=False)
        self._body_bytes = 0
        self._paused: asyncio.Event | None = None

    # The way in

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        # A body is bounded, so memory will do; Twisted makes a temporary file where the length is large or unknown.
        super().gotLength(0)
        if length is not None and length > self.server.max_body_bytes:
            self._refuse_body()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        if self.channel.refused:
            return
        self._body_bytes += len(data)
        if self._body_bytes > self.server.max_body_bytes:
            self._refuse_body()
        else:
            super().handleContentChunk(data)

    def _refuse_body(self) -> None:
        # Or Twisted would tell the client to go on.
        self.requestHeaders.removeHeader(b"Expect")
        self.channel.refuse(b"413 Content Too Large")

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        if not self.channel.refused:
            super().requestReceived(command, path, version)

    def process(self) -> Any:
        # Daphne takes the path that the application is mounted at from whoever sends this.
        self.requestHeaders.removeHeader(b"Daphne-Root-Path")
        upgrade = self.requestHeaders.getRawHeaders(b"Upgrade")
        if upgrade is None or upgrade[0].lower() != b"websocket":
            return super().process()
        if self.server.draining:
            self.basic_error(503, b"Service Unavailable", "The server is shutting down.")
        else:
            self._upgrade()
        return None

    def _upgrade(self) -> None:
        """Hands the connection over to a WebSocket, if the request is a proper handshake."""
        if not DaphneWire.fits(self.channel.transport):
            self.basic_error(501, b"Not Implemented", "WebSockets over TLS end at the proxy in front.")
            return
        headers = [
            (name.lower(), value)
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        ]
        try:
            handshake = check(self.method, self.clientproto, self.uri, headers)
        except Refused as refused:
            for name, value in refused.headers:
                self.responseHeaders.setRawHeaders(name, [value])
            self.basic_error(refused.status, refused.title, refused.reason)
            return
        # Daphne counts requests from their first line on.
        self.server.connections.pop(self)
        self.channel.become_websocket(handshake, self.uri, headers)

    # The way out

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("more_body") and self.producer is None and self.channel and not self.finished:
            self.registerProducer(self, True)
        super().handle_reply(message)

    async def writable(self) -> None:
        """Returns when the client has read enough to be sent more, or has gone."""
        if self._paused is not None:
            await self._paused.wait()

    def pauseProducing(self) -> None:  # noqa: N802
        self._paused = self._paused or asyncio.Event()

    def resumeProducing(self) -> None:  # noqa: N802
        if self._paused is not None:
            self._paused.set()
            self._paused = None

    def stopProducing(self) -> None:  # noqa: N802
        self.resumeProducing()

    def finish(self) -> None:
        self._stop_producing()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._stop_producing()
        super().connectionLost(reason)

    def _stop_producing(self) -> None:
        self.resumeProducing()
        if self.producer is not None:
            self.unregisterProducer()

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        content = f"{status} {status_text.decode()}: {body}\n".encode()
        headers = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(content))]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": content})

    def application_ended(self, error: BaseException | None) -> None:
        """Nobody will add to this response any more."""
        if not self.finished and self.channel is not None:
            self.handle_exception(error or RuntimeError("The application did not finish its response."))

    def handle_exception(self, exception: BaseException) -> None:
        if not self._response_started:
            super().handle_exception(exception)
        elif self.channel is not None:
            # Half a response must not look like a whole one.
            self.channel.transport.abortConnection()


def _address(address: Any) -> list[Any] | None:
    """As ASGI has it; a UNIX socket has none."""
    return [address.host, address.port] if hasattr(address, "port") else None


class HTTPFactory(daphne.HTTPFactory):
    """Makes the channels, and knows which are open."""

    protocol = Channel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.channels: set[Channel] = set()

    def buildProtocol(self, addr: Any) -> Channel:  # noqa: N802
        channel: Channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel

    def log(self, request: http.Request) -> None:
        """Nothing: Twisted's access log would have the query strings."""
