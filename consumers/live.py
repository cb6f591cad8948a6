"""One live connection: its commands in order, one at a time, and what it follows.

Frames are read as they come, so that a pong is heard while a slow command runs; commands wait in a queue and are done
by a task that exists only while there are some. Database work runs on the live connections' own threads.
"""

import asyncio
import logging
import re
import time
from collections import deque
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from consumers import auth, protocol
from consumers.calls import call, posted
from consumers.database import database
from consumers.encodings import Dialect, Encoding, JoinOrLeave, encoding_of, publication
from consumers.process import live_process
from consumers.protocol import Close, Command, Cut, ProtocolError
from consumers.wire import Wire, wire_of
from messaging.access import is_operator_now
from messaging.actions.messages import Post
from messaging.commands import COMMANDS, DESK, FEED_URI, PostMessage
from messaging.commands import Command as AnyCommand
from messaging.errors import Expired, NotFound, Unauthorized
from messaging.queries.chats import readable
from messaging.queries.credentials import Credential, holder_of
from messaging.queries.events import CONTACT_KIND, EventPage, Opened, Wanted, history, open_streams

if TYPE_CHECKING:
    from messaging.models import User

logger = logging.getLogger("parley.live")

# What a chat's uri can be: anything else never reaches the layer, whose groups have stricter names.
CHAT_STREAM = re.compile(r"chat\.([A-Za-z0-9_.-]{1,64})")
MAX_SUBSCRIPTIONS = 1000
MAX_WAITING_COMMANDS = 3000
SUBSCRIBE_BATCH = 100
CONNECT_WITHIN_S = 10.0
SILENT_AFTER_REFUSAL_S = 5.0
EXPIRY_GRACE_S = 25.0
# A reply waits until this little is buffered, so that a client on a slow line is not drowned by its own recovery; but
# not longer than that, so that one who has stopped reading holds nothing for ever.
REPLY_BELOW_BYTES = 64 * 1024
REPLY_WITHIN_S = 30.0
# With more than that still to be done, no more is read from the socket.
MAX_BACKLOG_BYTES = 64 * 1024
CHECK_AGAIN_AFTER_S = 1.0


class LiveConnection:
    """One socket that speaks the Centrifuge protocol; see the module."""

    def __init__(self, scope: dict[str, Any], wire: Wire, encoding: Encoding) -> None:
        self.wire = wire
        self.dialect: Dialect = encoding
        self._encoding = encoding
        self.id = uuid4().hex
        self.user_id: int | None = None
        self._session_key = auth.session_key_of(scope)
        self._process = live_process()
        self._hub = self._process.hub
        self._presence = self._process.presence
        self._credential: Credential | None = None
        self._connected = False
        self._refused = False
        self._streams: dict[str, bool] = {}
        self._staffed: set[str] = set()
        self._waiting: deque[Command] = deque()
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
        self.wire.close(close.code, close.reason)
        self._lost()

    def _lost(self) -> None:
        """The socket is gone, or as good as: whatever would write to it lets go of it now."""
        self._patience.cancel()
        self._process.heartbeat.discard(self)
        for stream in list(self._streams):
            self._leave(stream)
        if self.user_id is not None:
            self._hub.depart(self, self.user_id)
        self._waiting.clear()

    def ping(self) -> None:
        if self._credential is not None and self._has_expired():
            self.close(Close.EXPIRED)
            return
        self._pinged_at = time.monotonic()
        self.wire.send(self._encoding.ping_frame)

    def expect_pong(self) -> None:
        if self._reading and self._heard_at < self._pinged_at:
            self.close(Close.NO_PONG)

    def _has_expired(self) -> bool:
        credential = self._credential
        if credential is None or credential.expires_at is None:
            return False
        grace_s = EXPIRY_GRACE_S if credential.renewable else 0.0
        return _seconds_until(credential.expires_at) < -grace_s

    # What the hub says

    def cut_off(self, stream: str, cut: Cut) -> None:
        self._forget(stream)
        self.wire.send(self._encoding.unsubscribe_frame(stream, cut.code, cut.reason))

    def check_credential(self) -> None:
        self._in_doubt = True
        if self._checker is None:
            self._checker = asyncio.create_task(self._check_credential())

    async def _check_credential(self) -> None:
        """Asks until nothing has come up since it asked: who this is, as they are now, or nobody any more."""
        try:
            while self._in_doubt and self.wire.is_open and (credential := self._credential) is not None:
                self._in_doubt = False
                try:
                    user = await database.run(holder_of, credential)
                except (DatabaseError, InterfaceError):
                    self._in_doubt = True
                    await asyncio.sleep(CHECK_AGAIN_AFTER_S)
                    continue
                if credential is not self._credential:
                    self._in_doubt = True  # a fresh one was shown meanwhile
                elif user is None:
                    self.close(Close.INVALID_TOKEN)
                else:
                    self._credential = replace(credential, user=user)
                    if self._staffed and not await database.run(is_operator_now, user):
                        for name in self._staffed & self._streams.keys():
                            self._hub.leave(self, name)
                            self.cut_off(name, Cut.NO_LONGER_YOURS)
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
                    await self._answer(self._waiting.popleft())
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
                await self._reply(self._encoding.reply_frame(command, result))

    async def _refuse(self, command: Command, error: Exception) -> None:
        answer = protocol.protocol_error(error)
        if answer is None:
            logger.error("The call %s failed.", command.method, exc_info=error)
            answer = ProtocolError(100, "internal server error", temporary=True)
        if command.method == "connect":
            # The SDK closes after this; until then the rest of what it has sent in one go is not answered.
            self._refused = True
            self._patience.cancel()
            self._patience = asyncio.get_running_loop().call_later(
                SILENT_AFTER_REFUSAL_S, self.close, Close.STALE
            )
        await self._reply(self._encoding.error_frame(command, answer))

    async def _reply(self, frame: bytes) -> None:
        await self._line_clear()
        self.wire.send(frame)

    async def _line_clear(self) -> None:
        """Waits until most of what was sent is gone; a client that takes none of it is told to come back."""
        if self.wire.buffered > REPLY_BELOW_BYTES:
            try:
                async with asyncio.timeout(REPLY_WITHIN_S):
                    await self.wire.drained(REPLY_BELOW_BYTES)
            except TimeoutError:
                self.close(Close.SLOW)

    async def _do(self, command: Command) -> dict[str, Any] | None:
        match command.request:
            case protocol.Connect() as connect:
                return await self._connect(connect.token)
            case protocol.Refresh() as refresh:
                return await self._refresh(refresh.token)
            case protocol.Publish() as publish:
                data = {**publish.data, "chat": _uri_of(publish.channel)}
                await self._call(PostMessage.model_validate(data))
                return {}
            case protocol.Rpc() as rpc:
                return await self._rpc(rpc)
            case protocol.History() as wanted:
                return await self._history(wanted)
        channel: str = command.request.channel
        match command.method:
            case "unsubscribe":
                self._leave(channel)
                return {}
            case "presence":
                return await self._tell_presence(channel)
            case "presence_stats":
                await self._require_readable(channel)
                clients, users = await self._presence.stats(channel)
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
            self._credential, self.user_id = credential, user.pk
            await self._hub.enter(
                self, user.pk, access_version=user.access_version, list_version=user.list_version
            )
        if not self.wire.is_open:
            self._lost()
            raise ProtocolError(100, "gone", temporary=True)
        self._connected = True
        self._patience.cancel()
        self._process.heartbeat.add(self)
        return {
            "client": self.id,
            "version": protocol.VERSION,
            "ping": max(1, round(settings.LIVE_PING_S)),
            "pong": True,
            **self._expiry(),
            "data": {"user_id": self.user_id, "username": credential.user.username if credential else ""},
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
        self._credential = credential
        return {"client": self.id, "version": protocol.VERSION, **self._expiry()}

    def _expiry(self) -> dict[str, Any]:
        credential = self._credential
        if credential is None or not credential.renewable or credential.expires_at is None:
            return {}
        return {"expires": True, "ttl": max(1, int(_seconds_until(credential.expires_at)))}

    def _required_user(self) -> "User":
        if self._credential is None:
            raise Unauthorized("Sign in to write.")
        return self._credential.user

    # What it follows

    def _take_subscribes(self) -> list[Command]:
        """The subscribes at the head of the queue: after a reconnect an SDK sends all of them at once."""
        taken: list[Command] = []
        while self._waiting and self._waiting[0].method == "subscribe" and len(taken) < SUBSCRIBE_BATCH:
            taken.append(self._waiting.popleft())
        return taken

    async def _subscribe_all(self, commands: list[Command]) -> None:
        if self._refused or not self._connected:
            if not self._refused:
                self.close(Close.BAD_REQUEST)
            return
        accepted: dict[str, Command] = {}
        for command in commands:
            error = self._reason_against(command, accepted)
            if error is None:
                accepted[command.request.channel] = command
            else:
                await self._reply(self._encoding.error_frame(command, error))
        self._streams |= dict.fromkeys(accepted, False)
        await self._hub.join(self, accepted)
        while accepted and self.wire.is_open:
            await self._follow_some(accepted)
        for name in accepted:  # registered, maybe after the socket was lost
            self._hub.leave(self, name)

    async def _follow_some(self, accepted: dict[str, Command]) -> None:
        """Opens and begins to follow as many as their replays allow; what is left is to be done after that."""
        try:
            opened = await self._open([_wanted(each.request) for each in accepted.values()])
        except Exception as error:
            while accepted:
                name, command = accepted.popitem()
                self._leave(name)
                await self._refuse(command, error)
            return
        for name in list(accepted):
            found = opened.get(_uri_or_nothing(name))
            if found is None or not found.is_postponed:
                await self._begin_to_follow(accepted.pop(name), name, found)

    async def _open(self, wanted: list[Wanted]) -> dict[str, Opened]:
        """Those that may be followed, by uri; the feed from memory, the others in one job at the database."""
        opened: dict[str, Opened] = {}
        for each in wanted:
            if each.uri == FEED_URI and (feed := await self._hub.open_feed(each)) is not None:
                opened[FEED_URI] = feed
        if remaining := [each for each in wanted if each.uri and each.uri not in opened]:
            opened |= await database.run(open_streams, self._user(), remaining)
        return opened

    def _reason_against(self, command: Command, accepted: dict[str, Command]) -> ProtocolError | None:
        if isinstance(command.request, ProtocolError):
            return command.request
        name: str = command.request.channel
        if name in self._streams or name in accepted:
            return protocol.ALREADY_SUBSCRIBED
        if len(self._streams) + len(accepted) >= MAX_SUBSCRIPTIONS:
            return protocol.TOO_MANY_SUBSCRIPTIONS
        if not self._is_doorbell(name) and not _uri_or_nothing(name):
            return ProtocolError(*protocol.UNKNOWN)
        return None

    async def _begin_to_follow(self, command: Command, name: str, opened: Opened | None) -> None:
        request: protocol.Subscribe = command.request
        if opened is None and not (self._is_doorbell(name) and await self._may_hear(name)):
            self._leave(name)
            await self._reply(self._encoding.error_frame(command, ProtocolError(*protocol.UNKNOWN)))
            return
        if name == DESK or (opened is not None and opened.kind == CONTACT_KIND):
            self._staffed.add(name)
        if opened is not None and request.recover and opened.replay is None and request.refuses_fresh_start:
            self._leave(name)
            await self._reply(self._encoding.error_frame(command, protocol.UNRECOVERABLE))
            return
        await self._line_clear()
        if name not in self._streams:
            self._hub.leave(self, name)  # the socket was lost while it waited, maybe before it was registered
            return
        # From here to the end nothing awaits: the reply precedes every push, and no push has an offset of the reply's.
        self.wire.send(self._encoding.reply_frame(command, _subscribed(request, opened)))
        watch = request.join_leave and opened is not None and _is_small(opened)
        head, epoch = (opened.head, opened.epoch) if opened is not None else (0, "")
        self._streams[name] = watch
        if not self._hub.go_live(self, name, head=head, epoch=epoch, watch_presence=watch):
            self._hub.leave(self, name)
            self.cut_off(name, Cut.INSUFFICIENT_STATE)
            return
        if opened is not None and name in self._streams:
            self._presence.enter(name, self._info())
            if watch:
                self._announce(name, "join")

    def _leave(self, name: str) -> None:
        self._forget(name)
        self._hub.leave(self, name)

    def _forget(self, name: str) -> None:
        watched = self._streams.pop(name, None)
        self._staffed.discard(name)
        if watched is not None:
            self._presence.leave(name, self.id)
        if watched:
            self._announce(name, "leave")

    def _announce(self, name: str, kind: JoinOrLeave) -> None:
        asyncio.get_running_loop().create_task(self._hub.announce(name, kind, self._info()))

    def _info(self) -> dict[str, Any]:
        username = self._credential.user.username if self._credential else ""
        return {"client": self.id, "user": str(self.user_id or ""), "conn_info": {"username": username}}

    def _is_doorbell(self, name: str) -> bool:
        return self.user_id is not None and name in {f"user.{self.user_id}", DESK}

    async def _may_hear(self, doorbell: str) -> bool:
        user = self._user()
        return doorbell != DESK or (user is not None and await database.run(is_operator_now, user))

    def _user(self) -> "User | None":
        return self._credential.user if self._credential else None

    # Calls and reads

    async def _rpc(self, rpc: protocol.Rpc) -> dict[str, Any]:
        kind = COMMANDS.get(rpc.method)
        if kind is None:
            raise ProtocolError(104, "method not found")
        return {"data": await self._call(kind.model_validate(rpc.data))}

    async def _call(self, command: AnyCommand) -> dict[str, Any]:
        user = self._required_user()
        if isinstance(command, PostMessage):
            message = await self._process.posts.do(Post(user, command.chat, command.text, command.client_id))
            return posted(message)
        return await database.run(call, user, command)

    async def _history(self, wanted: protocol.History) -> dict[str, Any]:
        page = await database.run(_read_history, self._user(), wanted)
        if wanted.since is not None and wanted.since.epoch not in ("", page.epoch):
            raise protocol.UNRECOVERABLE
        publications = [publication(seq, encoded) for seq, _, encoded in page.events]
        return {"publications": publications, "epoch": page.epoch, "offset": page.seq}

    async def _tell_presence(self, name: str) -> dict[str, Any]:
        if name == "chat.feed":
            raise protocol.NOT_AVAILABLE
        await self._require_readable(name)
        return {"presence": await self._presence.of(name)}

    async def _require_readable(self, name: str) -> None:
        await database.run(readable, _uri_of(name), self._user())


async def live(scope: Any, receive: Any, send: Any) -> None:
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
    connection = LiveConnection(scope, wire, encoding)
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


def _subscribed(request: protocol.Subscribe, opened: Opened | None) -> dict[str, Any]:
    """The result of a subscribe. Publications only with a recovery: clients take them even from a failed one."""
    if opened is None:
        return {"recoverable": False, "positioned": False, "epoch": "", "offset": 0}
    replay = opened.replay if request.recover else []
    result: dict[str, Any] = {
        "recoverable": True,
        "positioned": True,
        "epoch": opened.epoch,
        "offset": opened.head,
        "data": {"read_marks": opened.read_marks},
    }
    if request.recover:
        result |= {"was_recovering": True, "recovered": replay is not None}
    if replay:
        result["publications"] = [publication(seq, encoded) for seq, _, encoded in replay]
    return result


def _is_small(opened: Opened) -> bool:
    """Whether people are told of each other's coming and going; marks are told in the same chats."""
    return bool(opened.read_marks)


def _read_history(user: "User | None", wanted: protocol.History) -> EventPage:
    access = readable(_uri_of(wanted.channel), user)
    since = wanted.since.offset if wanted.since else None
    return history(access, limit=wanted.limit, since=since, reverse=wanted.reverse)


def _seconds_until(moment: datetime) -> float:
    return (moment - timezone.now()).total_seconds()


def _wanted(request: protocol.Subscribe) -> Wanted:
    return Wanted(
        uri=_uri_or_nothing(request.channel),
        epoch=request.epoch,
        seq=request.offset if request.recover else None,
    )


def _uri_or_nothing(name: str) -> str:
    found = CHAT_STREAM.fullmatch(name)
    return found[1] if found else ""


def _uri_of(name: str) -> str:
    uri = _uri_or_nothing(name)
    if not uri:
        raise NotFound("There is no such chat.")
    return uri
