"""The answers of one live connection: each waits until most of what was sent before it is gone."""

import asyncio
import logging
from typing import Any

from consumers import protocol
from consumers.encodings import Encoding
from consumers.protocol import Close, Command, ProtocolError
from consumers.wire import Wire

logger = logging.getLogger("parley.live")

# A reply waits until this little is buffered, so that a client on a slow line is not drowned by its own recovery; but
# not longer than that, so that one who has stopped reading holds nothing for ever.
REPLY_BELOW_BYTES = 64 * 1024
REPLY_WITHIN_S = 30.0


class Replies:
    """Whoever takes none of them any more is closed."""

    __slots__ = ("_wire", "encoding")

    def __init__(self, wire: Wire, encoding: Encoding) -> None:
        self.encoding = encoding
        self._wire = wire

    def send(self, frame: bytes) -> None:
        """At once."""
        self._wire.send(frame)

    async def result(self, command: Command, result: dict[str, Any]) -> None:
        frame = self.encoding.reply_frame(command, result)
        await self.line_clear()
        self._wire.send(frame)

    async def error(self, command: Command, error: ProtocolError) -> None:
        frame = self.encoding.error_frame(command, error)
        await self.line_clear()
        self._wire.send(frame)

    async def refuse(self, command: Command, error: Exception) -> None:
        """Tells what went wrong, as far as it is for clients to know."""
        answer = protocol.protocol_error(error)
        if answer is None:
            logger.error("The call %s failed.", command.method, exc_info=error)
            answer = ProtocolError(100, "internal server error", temporary=True)
        await self.error(command, answer)

    async def line_clear(self) -> None:
        """Waits until most of what was sent is gone; a client that takes none of it is told to come back."""
        if self._wire.buffered > REPLY_BELOW_BYTES:
            try:
                async with asyncio.timeout(REPLY_WITHIN_S):
                    await self._wire.drained(REPLY_BELOW_BYTES)
            except TimeoutError:
                self._wire.close(Close.SLOW.code, Close.SLOW.reason)
