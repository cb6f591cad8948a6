"""`/socket`: the simplest possible feed. Anonymous, each post a small JSON object, nothing to say and nothing to ask."""

from typing import Any

import orjson

from consumers.admission import Seat
from consumers.encodings import Dialect, JoinOrLeave
from consumers.process import live_process
from consumers.protocol import Close, Cut
from consumers.wire import Wire, text_frame, wire_of
from messaging.commands import FEED_URI
from messaging.crowd import database
from messaging.queries.events import Wanted, open_streams

FEED = f"chat.{FEED_URI}"


class PlainFeed:
    """The seed's feed socket: each post a small object, and nothing else."""

    def event_frame(self, stream: str, seq: int, encoded: bytes) -> bytes:
        event = orjson.loads(encoded)
        if event["type"] != "message.posted":
            return b""
        message = event["message"]
        post = {
            "type": "update_feed",
            "username": message["author"]["username"],
            "text": message["text"],
            "id": message["id"],
            "number": message["number"],
            "seq": seq,
            "created_at": message["created_at"],
        }
        return text_frame(orjson.dumps(post))

    def doorbell_frame(self, stream: str, encoded: bytes) -> bytes:
        return b""

    def presence_frame(self, stream: str, kind: JoinOrLeave, info: dict[str, Any]) -> bytes:
        return b""


PLAIN = PlainFeed()


def closing_frame(code: int, reason: str) -> bytes:
    """What is said before a close that the server would not explain."""
    return text_frame(orjson.dumps({"type": "closing", "code": code, "reason": reason}))


class PlainConnection:
    """One socket that hears the feed's posts from now on. Whatever ends that, it closes: such clients just reconnect."""

    dialect: Dialect = PLAIN
    user_id: int | None = None

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._hub = live_process().hub
        wire.on_lost = self._lost

    async def follow(self) -> None:
        await self._hub.join(self, [FEED])
        wanted = Wanted(FEED_URI)
        await self._hub.prepare_feed()
        opened = self._hub.open_feed(wanted)
        if opened is None:
            opened = (await database.run(open_streams, None, [wanted]))[FEED_URI]
        if not self.wire.is_open:
            self._lost()
        elif not self._hub.go_live(self, FEED, head=opened.head, epoch=opened.epoch):
            self.close(Close.INSUFFICIENT_STATE)

    def _lost(self) -> None:
        self._hub.leave(self, FEED)

    def cut_off(self, stream: str, cut: Cut) -> None:
        self.close(Close.INSUFFICIENT_STATE)

    def check_credential(self) -> None:
        """Nobody in particular has none."""

    def close(self, close: Close) -> None:
        self.wire.close(close.code, close.reason)
        self._lost()


async def plain_feed(scope: Any, receive: Any, send: Any, seat: Seat) -> None:
    """The ASGI application at `/socket`."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    wire = wire_of(scope, send, closing_frame)
    connection = PlainConnection(wire)
    try:
        await connection.follow()
        while (await receive())["type"] != "websocket.disconnect":
            pass
    except Exception:
        connection.close(Close.INTERNAL)
        raise
    finally:
        wire.lost()
