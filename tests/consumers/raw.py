"""Owns a client of the live connection that hides nothing: it sends what it is told and shows each line that comes."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from tests.asgi_app.raw import BINARY, CLOSE, TEXT, RawSocket
from tests.consumers.stage import Actor, Stage

PATH = "/connection/websocket"


class RawClient(RawSocket):
    """A WebSocket at the live connection."""

    def __init__(
        self, stage: Stage, *, path: str = PATH, headers: str = "", receive_buffer: int | None = None
    ) -> None:
        super().__init__(stage.server.port, path, headers=headers, receive_buffer=receive_buffer)
        self._lines: list[dict[str, Any]] = []
        self._last_id = 0

    def tell(self, *commands: dict[str, Any]) -> None:
        """Sends commands in one frame."""
        self.say("\n".join(json.dumps(command) for command in commands))

    def line(self) -> dict[str, Any]:
        """The next thing said: a reply or a push; pings are answered and passed over."""
        while True:
            while not self._lines:
                opcode, payload = self.read_frame()
                assert opcode == TEXT, (opcode, payload)
                self._lines += [json.loads(line) for line in payload.decode().splitlines()]
            line = self._lines.pop(0)
            if line:
                return line
            self.say("{}")

    def ask_for(self, method: str, /, **body: Any) -> dict[str, Any]:
        """The reply to one command; fails if something else comes before it."""
        self._last_id += 1
        self.tell({"id": self._last_id, method: body})
        reply = self.line()
        assert reply["id"] == self._last_id, reply
        return reply

    def connect(self, actor: Actor | None = None) -> dict[str, Any]:
        result: dict[str, Any] = self.ask_for("connect", **({"token": actor.token} if actor else {}))[
            "connect"
        ]
        return result

    def until(self, is_it: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The next line for which that is true; those before it are passed over."""
        while not is_it(line := self.line()):
            pass
        return line

    def is_alive(self) -> bool:
        """Whether a command is still answered."""
        return bool(self.ask_for("rpc", method="no.such.method")["error"]["code"] == 104)

    def answer_until_closed(self) -> tuple[int, str]:
        """Answers pings until the close frame, and skips what else comes."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == CLOSE:
                self.send_frame(CLOSE, payload)
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()
            if payload == b"{}":
                self.say("{}")

    def close_said(self) -> tuple[int, str]:
        """Skips what else comes until the close frame."""
        with contextlib.suppress(BrokenPipeError):
            return self.read_close()
        raise AssertionError("the connection broke without a close frame")


__all__ = ["BINARY", "CLOSE", "PATH", "TEXT", "RawClient"]
