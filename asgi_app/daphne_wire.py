"""Owns the shortest way from finished bytes to a socket that Daphne holds: one write to the kernel.

Twisted's own `transport.write` buffers, has the event loop watch the descriptor and writes on a later turn: three
system calls and some ten Python calls for each message. While nothing is buffered, one `send` does.

What keeps that safe:
- An application's frames are written only while the socket is open: never before the handshake's answer, never after
  a close frame. The protocol says so by `open` and `shut`, and writes its own bytes by `write`.
- Only while the transport has nothing buffered, so bytes stay in order. What the kernel does not take at once goes
  to the transport, and everything after it too until that has run empty. Nobody else writes to that transport.
- The write goes through the socket object, not through the number of its descriptor. A closed object refuses; a
  number may already belong to the next connection.
- Who keeps `direct` of many wires sends to none of them after any has ceased to be direct without looking again
  (`consumers.wire.Turns`), and lets go of a follower's when it goes.
- `lost()` is called by the protocol's `connectionLost`, synchronously, before anybody else hears of it.

Three attributes of Twisted's transport that it does not document are used here and nowhere else (`dataBuffer`,
`offset`, `_tempDataLen`); tests/asgi_app/test_daphne_wire.py fails when an upgrade changes what they mean.
"""

import asyncio
from collections.abc import Callable

from twisted.internet.interfaces import IPullProducer
from twisted.internet.tcp import Server as TcpTransport
from zope.interface import implementer

from consumers.wire import Turns, check_close

# Twisted tells when its buffer has run empty, not when it has shrunk.
LOOK_AGAIN_S = 0.05


@implementer(IPullProducer)
class DaphneWire:
    """The wire of one of our server's WebSockets; the contract is `consumers.wire.Wire`.

    While something is buffered it is the transport's pull producer, which is how Twisted tells that all is written.
    """

    __slots__ = (
        "_emptied",
        "_kernel_send",
        "_lost",
        "_send_close",
        "_transport",
        "_waits",
        "direct",
        "is_open",
        "on_lost",
    )

    def __init__(self, transport: TcpTransport, send_close: Callable[[int, str], None]) -> None:
        """The transport has no other producer; `send_close` is asked for the closing handshake."""
        self.on_lost: Callable[[], None] | None = None
        self.is_open = False
        self._transport = transport
        self._send_close = send_close
        self._kernel_send = transport.getHandle().send
        self._lost = False
        # Something is buffered.
        self._waits = False
        # Open and nothing buffered: what an application sends goes to the kernel.
        self.direct: Callable[[bytes], int] | None = None
        self._emptied: asyncio.Event | None = None

    @staticmethod
    def fits(transport: object) -> bool:
        """Whether what is written to this transport is what goes over the network; TLS would encrypt it."""
        return isinstance(transport, TcpTransport) and not transport.TLS

    @property
    def buffered(self) -> int:
        if self._lost:
            return 0
        transport = self._transport
        waiting: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # noqa: SLF001
        return waiting

    def send(self, frames: bytes) -> int:
        if self.direct is None:
            return self.write(frames) if self.is_open else 0
        try:
            taken = self.direct(frames)
        except OSError:
            # Full or broken; the transport waits for the first and ends the connection for the second.
            taken = 0
        if taken == len(frames):
            return 0
        return self.send_rest(frames[taken:])

    def write(self, data: bytes) -> int:
        """For the protocol: the same, whether applications may send or not."""
        if self._waits:
            self._transport.write(data)
            return self.buffered
        try:
            taken = self._kernel_send(data)
        except OSError:
            taken = 0
        return 0 if taken == len(data) else self.send_rest(data[taken:])

    def send_rest(self, rest: bytes) -> int:
        self._waits = True
        self._turn()
        self._transport.write(rest)
        self._transport.registerProducer(self, False)
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
            self._send_close(code, reason)

    # What the protocol and the transport say

    def open(self) -> None:
        """The handshake has been answered."""
        self.is_open = not self._lost
        self._turn()

    def _turn(self) -> None:
        """Direct or not, after what that depends on has changed."""
        direct = self._kernel_send if self.is_open and not self._waits else None
        if direct is not self.direct:
            self.direct = direct
            Turns.count += 1

    def shut(self) -> None:
        """A close frame has been sent."""
        self.is_open = False
        self._turn()

    def end(self) -> None:
        """Nothing more will be written: the other side reads to the end, and may still send."""
        if self._waits:
            self._transport.unregisterProducer()
        self._transport.loseWriteConnection()

    def lost(self) -> None:
        if self._lost:
            return
        self._lost = True
        self.shut()
        self._wake()
        if self.on_lost is not None:
            self.on_lost()
        # Nobody who is gone keeps the other: thousands would be there until all of the memory is looked through.
        self.on_lost = None
        self._send_close = _too_late

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's word for "the buffer has run empty"
        if self._waits and not self.buffered:
            self._waits = False
            self._turn()
            self._transport.unregisterProducer()
            self._wake()

    def stopProducing(self) -> None:  # noqa: N802 - the transport is going; `lost` follows
        return

    def _wake(self) -> None:
        if self._emptied is not None:
            self._emptied.set()
            self._emptied = None


def _too_late(code: int, reason: str) -> None:
    """There is nobody to be told."""
