"""Owns how connections come in: in their turn, so that whoever is connected already does not wait for a crowd."""

import time
from functools import partial
from typing import Any

from twisted.internet.tcp import Server as TcpTransport

from consumers.process import live_process
from consumers.slices import SLICE_S, Lane

# With each turn of the port: what they ask for comes soon after, all at once. The kernel can be slow to give them while
# thousands more come.
MOST_IN_A_TURN = 16
ACCEPTED_AT_ONCE = 4
# What comes later than that after its turn waits for another.
AWAITED_S = 0.01


class Arrival(TcpTransport):  # type: ignore[misc]  # Twisted has no types
    """A connection; what it says first is heard when it is its turn."""

    # Twisted would have the allocator find 64 KB for each read, of which little is needed: what stays of it, as a request's
    # bytes do, would lie scattered, and no gap between be wide enough for the next.
    bufferSize = 8 * 1024  # noqa: N815 - Twisted's name
    is_known = False
    _awaited_until = 0.0

    def startReading(self) -> None:  # noqa: N802 - Twisted's name
        # In a crowd it would be stopped again at once, for the turn that it waits for now.
        slices = live_process().slices
        if self.is_known or not slices.is_going:
            super().startReading()
        else:
            slices.call(self._hear, Lane.NEW)

    def doRead(self) -> Any:  # noqa: N802
        # Not before there is something to be read, unless it is there by then: what hundreds say could come in one turn of
        # the loop.
        if not self.is_known:
            self.is_known = True
            slices = live_process().slices
            if time.perf_counter() > self._awaited_until and not slices.passes():
                self.stopReading()
                slices.call(self._hear, Lane.NEW)
                return None
        return super().doRead()

    def _hear(self) -> None:
        """The event loop comes back at once with what is there to be read."""
        if self.connected:
            self._awaited_until = time.perf_counter() + AWAITED_S
            super().startReading()


def take_in_turn(port: Any) -> None:
    """From now on this port of Twisted's accepts in its turn."""
    if port.transport is TcpTransport:  # and not that of a Unix socket
        port.transport = Arrival
    port.doRead = partial(_wait, port)


def take_all(port: Any, backlog: int) -> None:
    """Whom the kernel has connected, now."""
    port.numberAccepts = backlog
    type(port).doRead(port)


def _wait(port: Any) -> None:
    port.stopReading()
    live_process().slices.call(partial(_take_some, port), Lane.TAKEN_IN)


def _take_some(port: Any) -> None:
    if not port.connected:
        return
    until = time.perf_counter() + SLICE_S
    for _ in range(0, MOST_IN_A_TURN, ACCEPTED_AT_ONCE):
        port.numberAccepts = ACCEPTED_AT_ONCE
        type(port).doRead(port)
        # Twisted would take fewer the next time if there were fewer now.
        if port.numberAccepts < ACCEPTED_AT_ONCE or time.perf_counter() > until:
            break
    port.startReading()
