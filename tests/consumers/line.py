"""Owns the line between a client and a server: a TCP proxy that a test cuts, closes for a while, or makes slow."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

CHUNK_BYTES = 16 * 1024


class Line:
    """Forwards everything from a port of its own to the server's. `bytes_per_s` bounds what flows to the clients."""

    def __init__(self, server_port: int, *, bytes_per_s: float | None = None) -> None:
        self.port = 0
        self.opened = 0
        self._server_port = server_port
        self._bytes_per_s = bytes_per_s
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def open(self) -> None:
        """Connections are taken, on the same port as before."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=CHUNK_BYTES)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Every connection is reset, and none is taken until `open`."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        server_reader, server_writer = await asyncio.open_connection(
            "127.0.0.1", self._server_port, limit=CHUNK_BYTES
        )
        ends = {writer, server_writer}
        self._writers |= ends
        try:
            await asyncio.gather(
                self._forward(reader, server_writer, None),
                self._forward(server_reader, writer, self._bytes_per_s),
            )
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    @staticmethod
    async def _forward(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_s: float | None
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                writer.write(data)
                await writer.drain()
                if bytes_per_s:
                    await asyncio.sleep(len(data) / bytes_per_s)
            if writer.can_write_eof():
                writer.write_eof()
