"""Owns the shortest way from a finished frame to a socket that Daphne holds: one write to the kernel.

Twisted's own `transport.write` buffers, has the event loop watch the descriptor and writes on a later turn: three
system calls and some ten Python calls for each message. While nothing is buffered, one `send` does.

What keeps that safe:
- Only a socket in state OPEN is written to: never before the handshake's answer, never after a close frame.
- Only while the transport has nothing buffered, so bytes stay in order. What the kernel does not take at once goes
  to the transport, and everything after it too until that has run empty.
- The write goes through the socket object, not through the number of its descriptor. A closed object refuses; a
  number may already belong to the next connection.
- `lost()` is called by the protocol's `connectionLost`, synchronously, before anybody else hears of it.

Three attributes of Twisted's transport that it does not document are used here and nowhere else (`dataBuffer`,
`offset`, `_tempDataLen`); tests/asgi_app/test_daphne_wire.py fails when an upgrade changes what they mean.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.internet.tcp import Server as TcpTransport
from zope.interface import implementer

from consumers.wire import check_close

# Twisted tells when its buffer has run empty, not when it has shrunk.
LOOK_AGAIN_S = 0.05


@implementer(IPullProducer)
class DaphneWire:
    """The wire of one of our server's WebSockets; the contract is `consumers.wire.Wire`.

    To the transport it is a pull producer, which is how Twisted tells that its buffer has run empty.
    """

    __slots__ = ("_emptied", "_kernel_send", "_lost", "_protocol", "_transport", "on_lost")

    def __init__(self, protocol: Any) -> None:
        self.on_lost: Callable[[], None] | None = None
        self._protocol = protocol
        self._transport: TcpTransport = protocol.transport
        self._kernel_send = self._transport.getHandle().send
        self._lost = False
        self._emptied: asyncio.Event | None = None
        # The producer so far was the HTTP channel, which has had its say.
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, False)

    @staticmethod
    def fits(transport: object) -> bool:
        """Whether what is written to this transport is what goes over the network; TLS would encrypt it."""
        return isinstance(transport, TcpTransport) and not transport.TLS

    @property
    def is_open(self) -> bool:
        return self._protocol.state == self._protocol.STATE_OPEN and not self._lost

    @property
    def buffered(self) -> int:
        if self._lost:
            return 0
        transport = self._transport
        waiting: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # noqa: SLF001
        return waiting

    def send(self, frames: bytes) -> int:
        protocol = self._protocol
        if protocol.state != protocol.STATE_OPEN or self._lost:
            return 0
        transport = self._transport
        if transport.dataBuffer or transport._tempDataLen:  # noqa: SLF001
            transport.write(frames)
            return self.buffered
        try:
            taken = self._kernel_send(frames)
        except OSError:
            # Full or broken; the transport waits for the first and ends the connection for the second.
            taken = 0
        if taken == len(frames):
            return 0
        transport.write(frames[taken:])
        return self.buffered

    async def drained(self, below_bytes: int = 0) -> None:
        while self.buffered > below_bytes:
            if self._emptied is None:
                self._emptied = asyncio.Event()
            try:
                async with asyncio.timeout(LOOK_AGAIN_S if below_bytes else None):
                    await self._emptied.wait()
            except TimeoutError:
                continue

    def close(self, code: int, reason: str) -> None:
        check_close(code, reason)
        if self.is_open:
            self._protocol.sendClose(code=code, reason=reason)

    def lost(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._wake()
        if self.on_lost is not None:
            self.on_lost()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's word for "the buffer has run empty"
        self._wake()

    def stopProducing(self) -> None:  # noqa: N802 - the transport is going; `lost` follows
        return

    def _wake(self) -> None:
        if self._emptied is not None:
            self._emptied.set()
            self._emptied = None
