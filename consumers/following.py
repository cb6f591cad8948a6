"""What one live connection follows: its subscriptions, from the asking to the cut-off, and its presence in them."""

import re
import weakref
from collections.abc import Collection
from dataclasses import replace
from typing import Any, NamedTuple

from consumers import protocol
from consumers.auth import Visitor
from consumers.encodings import JoinOrLeave, Publications
from consumers.group import Follower
from consumers.process import LiveProcess
from consumers.protocol import Command, Cut, ProtocolError
from consumers.recoveries import FEED
from consumers.replies import REPLY_BELOW_BYTES, Replies
from messaging.access import is_operator_now
from messaging.commands import DESK, FEED_URI
from messaging.crowd import database
from messaging.errors import NotFound
from messaging.queries.events import CONTACT_KIND, Opened, Opening, Wanted

# What a chat's uri can be: anything else never reaches the layer, whose groups have stricter names.
CHAT_STREAM = re.compile(r"chat\.([A-Za-z0-9_.-]{1,64})")
MAX_SUBSCRIPTIONS = 1000


class _Ready(NamedTuple):
    """A subscribe that is to be answered: None is opened where there is nothing to read, of doorbells."""

    command: Command
    name: str
    opened: Opened | None


class Following:
    """The streams of one connection, each with whether it is told who comes and goes there."""

    __slots__ = (
        "_client",
        "_encoding",
        "_hub",
        "_openings",
        "_owner",
        "_presence",
        "_replies",
        "_slices",
        "_staffed",
        "_streams",
        "_visitor",
    )

    def __init__(
        self, follower: Follower, client: str, visitor: Visitor, replies: Replies, process: LiveProcess
    ) -> None:
        # Its owner: to hold it would keep both until all of the memory is looked through.
        self._owner = weakref.ref(follower)
        self._client = client
        self._visitor = visitor
        self._replies = replies
        self._encoding = replies.encoding
        self._hub = process.hub
        self._openings = process.openings
        self._presence = process.presence
        self._slices = process.slices
        self._streams: dict[str, bool] = {}
        self._staffed: set[str] = set()

    @property
    def _follower(self) -> Follower:
        follower = self._owner()
        assert follower is not None, "Who follows nothing any more is asked for nothing."
        return follower

    def leave_all(self) -> None:
        for stream in list(self._streams):
            self.leave(stream)

    def leave(self, name: str) -> None:
        self._forget(name)
        self._hub.leave(self._follower, name)

    def cut_off(self, name: str, cut: Cut) -> None:
        """The stream has let go of this connection."""
        self._forget(name)
        self._replies.send(self._encoding.unsubscribe_frame(name, cut.code, cut.reason))

    async def leave_what_is_for_operators(self) -> None:
        """Unless whoever this is still is one."""
        user = self._visitor.user
        if self._staffed and (user is None or not await database.run(is_operator_now, user)):
            for name in self._staffed & self._streams.keys():
                self._hub.leave(self._follower, name)
                self.cut_off(name, Cut.NO_LONGER_YOURS)

    async def subscribe(self, commands: list[Command]) -> None:
        """Answers each, and follows what may be followed; access and heads are read after joining the hub."""
        accepted: dict[str, Command] = {}
        for command in commands:
            error = self._reason_against(command, accepted)
            if error is None:
                accepted[command.request.channel] = command
            else:
                await self._replies.error(command, error)
        self._streams |= dict.fromkeys(accepted, False)
        self._hub.counters.subscriptions += len(accepted)
        await self._hub.join(self._follower, accepted)
        crowded = {
            name
            for name, command in accepted.items()
            if command.request.recover and name != FEED and self._hub.recoveries.are_several(name)
        }
        while accepted and self._follower.wire.is_open:
            await self._follow_some(accepted, crowded)
        for name in list(accepted):  # registered, maybe after the socket was lost
            self.leave(name)

    async def _follow_some(self, accepted: dict[str, Command], crowded: Collection[str]) -> None:
        """Opens and begins to follow as many as their replays allow; what is left is to be done after that.

        What the client missed is not read before it has taken most of what it was sent: so at most one long replay is
        held for it, as bytes on their way.
        """
        await self._replies.line_clear()
        if not self._follower.wire.is_open:
            return
        try:
            opened = await self._open(
                [_wanted(each.request, defers=name in crowded) for name, each in accepted.items()]
            )
        except Exception as error:
            while accepted:
                name, command = accepted.popitem()
                self.leave(name)
                await self._replies.refuse(command, error)
            return
        ready: list[_Ready] = []
        for name in list(accepted):
            found = opened.get(_uri_or_nothing(name))
            if found is None or not found.is_postponed:
                command = accepted.pop(name)
                if await self._may_follow(command, name, found):
                    ready.append(_Ready(command, name, found))
        while ready:
            await self._replies.line_clear()
            self._follow_ready(ready)

    async def _open(self, wanted: list[Wanted]) -> dict[str, Opened]:
        """Those that may be followed, by uri; the feed from memory, the others at the database, together with
        whoever asks meanwhile. What many have missed is from memory, too.
        """
        feed = next((each for each in wanted if each.uri == FEED_URI), None)
        others = [each for each in wanted if each.uri and each is not feed]
        opened = dict(await self._open_together(others)) if others else {}
        unread = [each for each in opened.values() if each.unread_since is not None]
        for each in unread:
            await self._hub.recoveries.prepare(each)
        if feed is not None:
            await self._hub.prepare_feed()
        self._slices.note_newcomer()
        await self._slices.turn()
        if unread:
            opened = {uri: each for uri, each in opened.items() if each.unread_since is None}
            opened |= await self._recover(unread, others)
        if feed is not None:
            remembered = self._hub.open_feed(feed)
            opened |= {FEED_URI: remembered} if remembered else await self._open_together([feed])
        return opened

    async def _recover(self, unread: list[Opened], wanted: list[Wanted]) -> dict[str, Opened]:
        """With what they have missed, from memory; what cannot be told from there is opened again."""
        recoveries, user_id = self._hub.recoveries, self._visitor.user_id
        recovered = {each.uri: found for each in unread if (found := recoveries.recover(each, user_id))}
        left = {each.uri for each in unread} - recovered.keys()
        if left:
            again = [replace(each, defers=False) for each in wanted if each.uri in left]
            recovered |= await self._open_together(again)
        return recovered

    async def _open_together(self, wanted: list[Wanted]) -> dict[str, Opened]:
        return await self._openings.do(Opening(self._visitor.user, tuple(wanted)))

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

    async def _may_follow(self, command: Command, name: str, opened: Opened | None) -> bool:
        """Whoever may not is answered, and leaves."""
        request: protocol.Subscribe = command.request
        if opened is None and not (self._is_doorbell(name) and await self._may_hear(name)):
            refusal = ProtocolError(*protocol.UNKNOWN)
        elif opened is not None and request.recover and opened.replay is None and request.refuses_fresh_start:
            refusal = protocol.UNRECOVERABLE
        else:
            # Also while it waits for the line: who is no operator any more is looked for here.
            if name == DESK or (opened is not None and opened.kind == CONTACT_KIND):
                self._staffed.add(name)
            return True
        self.leave(name)
        await self._replies.error(command, refusal)
        return False

    def _follow_ready(self, ready: list[_Ready]) -> None:
        """Answers and follows as many as there is room for on the line; what is left is to be done when it is clear.

        Nothing awaits here: the replies, which are one send, precede every push, and no push has an offset of a reply's.
        """
        begun: list[_Ready] = []
        frames: list[bytes] = []
        while ready and sum(map(len, frames)) < REPLY_BELOW_BYTES:
            each = ready.pop(0)
            if each.name not in self._streams:
                # The socket was lost while it waited, maybe before it was registered.
                self._hub.leave(self._follower, each.name)
                continue
            begun.append(each)
            frames.append(
                self._encoding.reply_frame(each.command, _subscribed(each.command.request, each.opened))
            )
        if frames:
            self._replies.send(b"".join(frames))
        for each in begun:
            if each.name in self._streams:  # what the one before had kept was not too much
                self._go_live(each.name, each.opened, joins_and_leaves=each.command.request.join_leave)

    def _go_live(self, name: str, opened: Opened | None, *, joins_and_leaves: bool) -> None:
        watch = joins_and_leaves and opened is not None and _is_small(opened)
        head, epoch = (opened.head, opened.epoch) if opened is not None else (0, "")
        self._streams[name] = watch
        if not self._hub.go_live(self._follower, name, head=head, epoch=epoch, watch_presence=watch):
            self._hub.leave(self._follower, name)
            self.cut_off(name, Cut.INSUFFICIENT_STATE)
            return
        if opened is not None and name in self._streams:
            self._presence.enter(name, self._info())
            if watch:
                self._announce(name, "join")

    def _forget(self, name: str) -> None:
        watched = self._streams.pop(name, None)
        self._staffed.discard(name)
        if watched is not None:
            self._hub.counters.subscriptions -= 1
            self._presence.leave(name, self._client)
        if watched:
            self._announce(name, "leave")

    def _announce(self, name: str, kind: JoinOrLeave) -> None:
        self._hub.announce(name, kind, self._info(), when=self._presence.copied())

    def _info(self) -> dict[str, Any]:
        visitor = self._visitor
        return {
            "client": self._client,
            "user": str(visitor.user_id or ""),
            "conn_info": {"username": visitor.username},
        }

    def _is_doorbell(self, name: str) -> bool:
        user_id = self._visitor.user_id
        return user_id is not None and name in {f"user.{user_id}", DESK}

    async def _may_hear(self, doorbell: str) -> bool:
        user = self._visitor.user
        return doorbell != DESK or (user is not None and await database.run(is_operator_now, user))


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
        result["publications"] = replay if isinstance(replay, Publications) else Publications(replay)
    return result


def _is_small(opened: Opened) -> bool:
    """Whether people are told of each other's coming and going; marks are told in the same chats."""
    return bool(opened.read_marks)


def _wanted(request: protocol.Subscribe, *, defers: bool) -> Wanted:
    return Wanted(
        uri=_uri_or_nothing(request.channel),
        epoch=request.epoch,
        seq=request.offset if request.recover else None,
        defers=defers,
    )


def _uri_or_nothing(name: str) -> str:
    found = CHAT_STREAM.fullmatch(name)
    return found[1] if found else ""


def uri_of(name: str) -> str:
    uri = _uri_or_nothing(name)
    if not uri:
        raise NotFound("There is no such chat.")
    return uri
