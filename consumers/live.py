"""One live connection: its commands in order, one at a time, and what it follows.

Frames are read as they come, so that a pong is heard while a slow command runs; commands wait in a queue and are done
by a task that exists only while there are some. Database work runs on the live connections' own threads.
"""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from consumers import auth, protocol
from consumers.admission import Seat
from consumers.calls import call, posted
from consumers.encodings import Dialect, Encoding, encoding_of, publication
from consumers.following import Following, uri_of
from consumers.process import live_process
from consumers.protocol import Close, Command, Cut, ProtocolError
from consumers.replies import Replies
from consumers.wire import Wire, wire_of
from messaging.actions.messages import Post
from messaging.commands import COMMANDS, PostMessage
from messaging.commands import Command as AnyCommand
from messaging.crowd import database
from messaging.errors import Expired, Unauthorized
from messaging.queries.chats import readable
from messaging.queries.credentials import Credential, holder_of
from messaging.queries.events import EventPage, history

if TYPE_CHECKING:
    from messaging.models import User

logger = logging.getLogger("parley.live")

MAX_WAITING_COMMANDS = 3000
SUBSCRIBE_BATCH = 100
CONNECT_WITHIN_S = 10.0
SILENT_AFTER_REFUSAL_S = 5.0
EXPIRY_GRACE_S = 25.0
# With more than that still to be done, no more is read from the socket.
MAX_BACKLOG_BYTES = 64 * 1024
CHECK_AGAIN_AFTER_S = 1.0


class LiveConnection:
    """One socket that speaks the Centrifuge protocol; see the module."""

    def __init__(self, scope: dict[str, Any], wire: Wire, encoding: Encoding, seat: Seat) -> None:
        self.wire = wire
        self.dialect: Dialect = encoding
        self._encoding = encoding
        self.id = token_hex(16)
        self._seat = seat
        self._session_key = auth.session_key_of(scope)
        self._process = live_process()
        self._hub = self._process.hub
        self._visitor = auth.Visitor()
        self._replies = Replies(wire, encoding)
        self._following = Following(self, self.id, self._visitor, self._replies, self._process)
        self._connected = False
        self._refused = False
        # No deque: it has 760 bytes even when it is empty, as it nearly always is.
        self._waiting: list[Command] = []
        self._worker: asyncio.Task[None] | None = None
        self._backlog_bytes = 0
        self._reading = True
        self._checker: asyncio.Task[None] | None = None
        self._in_doubt = False
        self._pinged_at = 0.0
        self._heard_at = 0.0
        self._patience = asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, self.close, Close.STALE)
        wire.on_lost = self._lost
        if not wire.is_open:
            self._lost()

    @property
    def user_id(self) -> int | None:
        return self._visitor.user_id

    # The socket's life

    def receive(self, frame: str | bytes) -> None:
        """One WebSocket message, in the order they come."""
        try:
            commands = self._encoding.decode(frame)
        except protocol.BadFrame:
            self.close(Close.BAD_REQUEST)
            return
        self._heard_at = time.monotonic()
        self._waiting.extend(command for command in commands if command is not protocol.PONG)
        self._backlog_bytes += len(frame)
        if len(self._waiting) > MAX_WAITING_COMMANDS:
            self.close(Close.TOO_MANY_COMMANDS)
        elif self._waiting and self._worker is None:
            if not self._refused:
                # They have said who they are. How long we take to see to it is not theirs to answer for.
                self._patience.cancel()
            self._worker = asyncio.create_task(self._work())

    async def room(self) -> None:
        """Returns when little enough waits to be done that more may be read."""
        if self._worker is not None and self._backlog_bytes > MAX_BACKLOG_BYTES:
            self._reading = False
            await asyncio.wait([self._worker])
            self._reading = True
            self._heard_at = time.monotonic()

    def close(self, close: Close) -> None:
        """Closes with the code and reason that clients understand; leaves every stream at once."""
        logger.debug("closed: %d %s", close.code, close.reason)
        self.wire.close(close.code, close.reason)
        self._lost()

    def _lost(self) -> None:
        """The socket is gone, or as good as: whatever would write to it lets go of it now."""
        self._patience.cancel()
        self._process.heartbeat.discard(self)
        self._following.leave_all()
        if self.user_id is not None:
            self._hub.depart(self, self.user_id)
        self._waiting.clear()

    def ping(self) -> None:
        if self._visitor.credential is not None:
            if self._has_expired():
                self.close(Close.EXPIRED)
                return
            self._process.seen.note(self._visitor.credential)
        self._pinged_at = time.monotonic()
        self.wire.send(self._encoding.ping_frame)

    def expect_pong(self) -> None:
        if self._reading and self._heard_at < self._pinged_at:
            self.close(Close.NO_PONG)

    def _has_expired(self) -> bool:
        credential = self._visitor.credential
        if credential is None or credential.expires_at is None:
            return False
        grace_s = EXPIRY_GRACE_S if credential.renewable else 0.0
        return _seconds_until(credential.expires_at) < -grace_s

    # What the hub says

    def cut_off(self, stream: str, cut: Cut) -> None:
        self._following.cut_off(stream, cut)

    def check_credential(self) -> None:
        self._in_doubt = True
        if self._checker is None:
            self._checker = asyncio.create_task(self._check_credential())

    async def _check_credential(self) -> None:
        """Asks until nothing has come up since it asked: who this is, as they are now, or nobody any more."""
        try:
            while (
                self._in_doubt and self.wire.is_open and (credential := self._visitor.credential) is not None
            ):
                self._in_doubt = False
                try:
                    user = await database.run(holder_of, credential)
                except (DatabaseError, InterfaceError):
                    self._in_doubt = True
                    await asyncio.sleep(CHECK_AGAIN_AFTER_S)
                    continue
                if credential is not self._visitor.credential:
                    self._in_doubt = True  # a fresh one was shown meanwhile
                elif user is None:
                    self.close(Close.INVALID_TOKEN)
                else:
                    self._visitor.credential = replace(credential, user=user)
                    await self._following.leave_what_is_for_operators()
        except Exception:
            logger.exception("A credential could not be checked.")
            self.close(Close.INTERNAL)
        finally:
            self._checker = None

    # Commands

    async def _work(self) -> None:
        try:
            while self._waiting and self.wire.is_open:
                if self._waiting[0].method == "subscribe":
                    await self._subscribe_all(self._take_subscribes())
                else:
                    await self._answer(self._waiting.pop(0))
        except Exception:
            logger.exception("A live connection failed.")
            self.close(Close.INTERNAL)
        finally:
            self._worker = None
            self._backlog_bytes = 0

    async def _answer(self, command: Command) -> None:
        if self._refused or command.method == "send":
            return
        if not self._connected and command.method != "connect":
            self.close(Close.BAD_REQUEST)
            return
        try:
            if isinstance(command.request, ProtocolError):
                raise command.request
            result = await self._do(command)
        except Exception as error:
            await self._refuse(command, error)
        else:
            if result is not None:
                await self._replies.result(command, result)

    async def _refuse(self, command: Command, error: Exception) -> None:
        if command.method == "connect":
            # The SDK closes after this; until then the rest of what it has sent in one go is not answered.
            self._refused = True
            self._patience.cancel()
            self._patience = asyncio.get_running_loop().call_later(
                SILENT_AFTER_REFUSAL_S, self.close, Close.STALE
            )
        await self._replies.refuse(command, error)

    async def _do(self, command: Command) -> dict[str, Any] | None:
        match command.request:
            case protocol.Connect() as connect:
                return await self._connect(connect.token)
            case protocol.Refresh() as refresh:
                return await self._refresh(refresh.token)
            case protocol.Publish() as publish:
                data = {**publish.data, "chat": uri_of(publish.channel)}
                await self._call(PostMessage.model_validate(data))
                return {}
            case protocol.Rpc() as rpc:
                return await self._rpc(rpc)
            case protocol.History() as wanted:
                return await self._history(wanted)
        channel: str = command.request.channel
        match command.method:
            case "unsubscribe":
                self._following.leave(channel)
                return {}
            case "presence":
                return await self._tell_presence(channel)
            case "presence_stats":
                await self._require_readable(channel)
                clients, users = await self._process.presence.stats(channel)
                return {"num_clients": clients, "num_users": users}
        raise AssertionError(command.method)

    # Who it is

    async def _connect(self, token: str) -> dict[str, Any] | None:
        if self._connected:
            self.close(Close.BAD_REQUEST)
            return None
        if auth.is_device_token(token):
            credential: Credential | None = await self._process.tokens.do(token)
        else:
            credential = await database.run(auth.credential_from, token, self._session_key)
        if credential is not None:
            user = credential.user
            await self._seat.belongs_to(user.pk)
            self._visitor.credential = credential
            self._process.seen.note(credential)
            await self._hub.enter(
                self, user.pk, access_version=user.access_version, list_version=user.list_version
            )
            await self._process.slices.turn()
        if not self.wire.is_open:
            self._lost()
            raise ProtocolError(100, "gone", temporary=True)
        self._connected = True
        logger.debug("connected as %s", self.user_id)
        self._patience.cancel()
        self._process.heartbeat.add(self)
        return {
            "client": self.id,
            "version": protocol.VERSION,
            "ping": max(1, round(settings.LIVE_PING_S)),
            "pong": True,
            **self._expiry(),
            "data": {"user_id": self.user_id, "username": self._visitor.username},
        }

    async def _refresh(self, token: str) -> dict[str, Any] | None:
        """An error here is final for SDKs: a token that does not do closes the socket, and they connect anew."""
        try:
            credential = await database.run(auth.credential_shown, token)
        except Expired:
            self.close(Close.EXPIRED)
            return None
        except Unauthorized:
            self.close(Close.INVALID_TOKEN)
            return None
        if credential.user.pk != self.user_id:
            self.close(Close.INVALID_TOKEN)
            return None
        self._visitor.credential = credential
        return {"client": self.id, "version": protocol.VERSION, **self._expiry()}

    def _expiry(self) -> dict[str, Any]:
        credential = self._visitor.credential
        if credential is None or not credential.renewable or credential.expires_at is None:
            return {}
        return {"expires": True, "ttl": max(1, int(_seconds_until(credential.expires_at)))}

    # What it follows

    def _take_subscribes(self) -> list[Command]:
        """The subscribes at the head of the queue: after a reconnect an SDK sends all of them at once."""
        taken: list[Command] = []
        while self._waiting and self._waiting[0].method == "subscribe" and len(taken) < SUBSCRIBE_BATCH:
            taken.append(self._waiting.pop(0))
        return taken

    async def _subscribe_all(self, commands: list[Command]) -> None:
        if self._refused or not self._connected:
            if not self._refused:
                self.close(Close.BAD_REQUEST)
            return
        await self._following.subscribe(commands)

    # Calls and reads

    async def _rpc(self, rpc: protocol.Rpc) -> dict[str, Any]:
        kind = COMMANDS.get(rpc.method)
        if kind is None:
            raise ProtocolError(104, "method not found")
        return {"data": await self._call(kind.model_validate(rpc.data))}

    async def _call(self, command: AnyCommand) -> dict[str, Any]:
        user = self._visitor.require_user()
        if isinstance(command, PostMessage):
            message = await self._process.posts.do(Post(user, command.chat, command.text, command.client_id))
            return posted(message)
        return await database.run(call, user, command)

    async def _history(self, wanted: protocol.History) -> dict[str, Any]:
        page = await database.run(_read_history, self._visitor.user, wanted)
        if wanted.since is not None and wanted.since.epoch not in ("", page.epoch):
            raise protocol.UNRECOVERABLE
        publications = [publication(seq, encoded) for seq, _, encoded in page.events]
        return {"publications": publications, "epoch": page.epoch, "offset": page.seq}

    async def _tell_presence(self, name: str) -> dict[str, Any]:
        if name == "chat.feed":
            raise protocol.NOT_AVAILABLE
        await self._require_readable(name)
        return {"presence": await self._process.presence.of(name)}

    async def _require_readable(self, name: str) -> None:
        await database.run(readable, uri_of(name), self._visitor.user)


async def live(scope: Any, receive: Any, send: Any, seat: Seat) -> None:
    """The ASGI application at `/connection/websocket`."""
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    encoding = encoding_of(scope)
    accept: dict[str, Any] = {"type": "websocket.accept"}
    if encoding.subprotocol in (scope.get("subprotocols") or ()):
        accept["subprotocol"] = encoding.subprotocol
    await send(accept)
    wire = wire_of(scope, send, encoding.disconnect_frame)
    connection = LiveConnection(scope, wire, encoding, seat)
    structlog.contextvars.bind_contextvars(connection_id=connection.id)
    try:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if message["type"] == "websocket.receive":
                text = message.get("text")
                connection.receive(message["bytes"] if text is None else text)
                await connection.room()
    finally:
        wire.lost()


def _read_history(user: "User | None", wanted: protocol.History) -> EventPage:
    access = readable(uri_of(wanted.channel), user)
    since = wanted.since.offset if wanted.since else None
    return history(access, limit=wanted.limit, since=since, reverse=wanted.reverse)


def _seconds_until(moment: datetime) -> float:
    return (moment - timezone.now()).total_seconds()
