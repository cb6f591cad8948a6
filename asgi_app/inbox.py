"""Owns what one WebSocket's client has sent and its application has not taken: bounded, and small while it is empty."""

import asyncio
from collections import deque
from typing import Any

# What one socket may have sent ahead of what its application has taken.
MAX_MESSAGES = 64
MAX_BYTES = 64 * 1024

Message = dict[str, Any]


class Inbox:
    """Stops reading from the client while it is full. An `asyncio.Queue` would do; it has two kilobytes when empty."""

    __slots__ = ("_arrival", "_bytes", "_is_paused", "_last", "_messages", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._messages: deque[tuple[Message, int]] | None = None
        self._bytes = 0
        self._is_paused = False
        self._arrival: asyncio.Future[None] | None = None
        self._last: Message | None = None

    def put(self, message: Message, size: int = 0) -> None:
        if self._messages is None:
            self._messages = deque()
        self._messages.append((message, size))
        self._bytes += size
        self._wake()
        if not self._is_paused and (self._bytes > MAX_BYTES or len(self._messages) > MAX_MESSAGES):
            self._is_paused = True
            self._transport.pauseProducing()

    def end(self, message: Message) -> None:
        """This comes after all others, as often as it is asked for."""
        self._last = message
        self._wake()

    def release(self) -> None:
        """Reads on: what comes now is for the protocol only."""
        if self._is_paused:
            self._is_paused = False
            self._transport.resumeProducing()

    async def get(self) -> Message:
        """The next message: the application's `receive`."""
        while self._messages is None:
            if self._last is not None:
                return self._last
            if self._arrival is None or self._arrival.done():
                self._arrival = asyncio.get_running_loop().create_future()
                await self._arrival
            else:
                # Somebody else waits too, and must not be cancelled with us.
                await asyncio.wait([self._arrival])
        message, size = self._messages.popleft()
        self._bytes -= size
        if self._bytes <= MAX_BYTES // 2 and len(self._messages) <= MAX_MESSAGES // 2:
            self.release()
        if not self._messages:
            self._messages = None
        return message

    def _wake(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None and not arrival.done():
            arrival.set_result(None)
