"""Owns clients that speak byte by byte, for what a proper client would never send or would hide."""

import contextlib
import http.client
import json
import os
import select
import socket
import struct
import time
from types import TracebackType
from typing import Any, Self

TIMEOUT_S = 10.0

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


class RawConnection:
    """A TCP connection to 127.0.0.1 with a bounded wait on everything."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_until(self, end: bytes) -> bytes:
        while end not in self._received:
            if not (data := self.socket.recv(65536)):
                raise EOFError(f"closed after {self._received!r}")
            self._received += data
        found, _, self._received = self._received.partition(end)
        return found + end

    def read(self, length: int) -> bytes:
        while len(self._received) < length:
            if not (data := self.socket.recv(1 << 20)):
                raise EOFError(f"closed after {len(self._received)} of {length} bytes")
            self._received += data
        found, self._received = self._received[:length], self._received[length:]
        return found

    def read_to_end(self) -> bytes:
        """Everything until the other side closes; a reset is an error."""
        while data := self.socket.recv(65536):
            self._received += data
        found, self._received = self._received, b""
        return found

    def is_silent_for(self, seconds: float) -> bool:
        """Nothing arrives, not even the end of the connection."""
        return not self._received and not select.select([self.socket], [], [], seconds)[0]

    def reset(self) -> None:
        """Closes without a word, as a crashed client's machine does when it is asked."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class RawSocket(RawConnection):
    """A WebSocket that checks nothing that it sends."""

    def __init__(
        self, port: int, path: str = "/ws", *, headers: str = "", receive_buffer: int | None = None
    ) -> None:
        super().__init__(port, receive_buffer=receive_buffer)
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
        )
        self.handshake = self.read_until(b"\r\n\r\n").decode()

    @property
    def is_accepted(self) -> bool:
        return self.handshake.startswith("HTTP/1.1 101")

    def send_frame(
        self, opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
    ) -> None:
        self.send(frame(opcode, payload, final=final, reserved=reserved, masked=masked))

    def say(self, text: str) -> None:
        self.send_frame(TEXT, text.encode())

    def read_frame(self) -> tuple[int, bytes]:
        """The next frame that is not a ping: its opcode and payload. Fails on a header no server may send."""
        while True:
            first, second = self.read(2)
            assert first & 0xF0 == 0x80, f"not one whole frame without extensions: {first:#x}"
            assert second < 0x80, "a server does not mask"
            length = second
            if second == 126:
                length = int.from_bytes(self.read(2), "big")
            elif second == 127:
                length = int.from_bytes(self.read(8), "big")
            payload = self.read(length)
            if first & 0xF != PING:
                return first & 0xF, payload

    def hear(self) -> str:
        opcode, payload = self.read_frame()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    def ask(self, text: str) -> Any:
        self.say(text)
        return json.loads(self.hear())

    def read_close(self) -> tuple[int, str]:
        """Skips what else comes, answers the close frame and sees the connection end."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == CLOSE:
                break
        self.send_frame(CLOSE, payload)
        with contextlib.suppress(ConnectionResetError):
            assert self.read_to_end() == b""
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    first = (0x80 if final else 0) | reserved << 4 | opcode
    mask_bit = 0x80 if masked else 0
    length = len(payload)
    if length < 126:
        header = bytes((first, mask_bit | length))
    elif length < 0x10000:
        header = bytes((first, mask_bit | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((first, mask_bit | 127)) + length.to_bytes(8, "big")
    if not masked:
        return header + payload
    key = os.urandom(4)
    stretched = int.from_bytes((key * (length // 4 + 1))[:length], "big")
    return header + key + (int.from_bytes(payload, "big") ^ stretched).to_bytes(length, "big")


def get(
    port: int,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> "Answer":
    """One proper request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


def parse(raw: bytes) -> Answer:
    """One whole response as it came over a connection that then closed."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Answer(int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def wait_for(condition: Any, timeout_s: float = TIMEOUT_S) -> None:
    """For what another process does and cannot tell: looks every 10 ms."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
