"""The hub: which sockets follow which stream, and whether the streams have all that the log has.

One per process, started by its first follower. It joins a stream's group of the channel layer (`consumers/layer.py`)
when the first local socket follows that stream (`consumers/stream.py` does the rest). The layer is only a bell:
whatever it loses is found again
- by the next event of that stream, which shows a gap: `GAP_WAIT_S` later the log is read, one read per stream at once;
- by the comparison of heads, epoch and the versions of each connected user, every `COMPARE_EVERY_S`;
- as soon as the layer comes back.
No socket closes, whatever becomes of the layer.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import orjson

from consumers.encodings import JoinOrLeave
from consumers.group import Follower, Group
from consumers.layer import PING_EVERY_S, Layer
from consumers.recoveries import FEED, Recoveries
from consumers.slices import Slices
from consumers.stream import Counters, Stream
from messaging.bell import LAYER_TYPE, LayerMessage, bell
from messaging.crowd import database
from messaging.events import ChatsDoorbell
from messaging.queries import positions
from messaging.queries.events import FEED_KIND, Encoded, Opened, Wanted, stream_after

logger = logging.getLogger("parley.hub")

T = TypeVar("T")

GAP_WAIT_S = 0.02
# What is read is sent before more is read, so that followers who can keep up do.
REPAIR_AT_ONCE = 100
COMPARE_EVERY_S = 10.0
COMPARE_CHUNK = 5000
LINGER_S = 5.0
# How often those who come with a crowd are sent what has come up, until it is over.
CROWD_EVERY_S = 0.25


@dataclass
class ConnectedUser:
    """A user with sockets here, and the versions that these have been compared with."""

    access_version: int
    list_version: int
    followers: dict[Follower, None] = field(default_factory=dict)


class Hub:
    """See the module. Everything here runs on the event loop's thread."""

    def __init__(self, slices: Slices) -> None:
        self.counters = Counters()
        self.streams: dict[str, Stream] = {}
        self.users: dict[int, ConnectedUser] = {}
        self.epoch: str | None = None
        self._layer = Layer(self.counters, self._take, self._flush, self._layer_is_back, self._spawn)
        self._started: asyncio.Task[None] | None = None
        self._comparing = asyncio.Lock()
        self._compare_wanted = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._announcing: set[asyncio.Task[None]] = set()
        self._to_flush: list[Stream] = []
        self._commits_to_flush: list[float] = []
        self._repairing: set[Stream] = set()
        self._slices = slices
        self.recoveries = Recoveries(self.streams, self._agrees, self._spawn)

    # Followers

    async def join(self, follower: Follower, names: Iterable[str]) -> None:
        """Registers a follower for streams: what comes from now on is kept for it. Then read, then `go_live`.

        Returns when the layer has been asked for those streams. If it is down, the comparison stands in for it.
        """
        await self._start()
        for name in names:
            self._stream(name).join(follower)
        await self._layer.join([stream for name in names if not (stream := self._stream(name)).grouped])

    def go_live(
        self, follower: Follower, name: str, *, head: int, epoch: str, watch_presence: bool = False
    ) -> bool:
        """The follower is sent what comes after `head`, which was read with `epoch` after `join`; see `Stream`."""
        if epoch and not self._agrees(epoch):
            self._spawn(self.compare())
        stream = self.streams.get(name)
        return stream is not None and stream.go_live(follower, head, watch_presence=watch_presence)

    def _agrees(self, epoch: str) -> bool:
        """Whether it is the epoch that is known here; the first one that is read becomes it."""
        if self.epoch is None:
            self.epoch = epoch
        return self.epoch == epoch

    async def prepare_feed(self) -> None:
        """Returns when `open_feed` can say what it can."""
        stream = self._stream(FEED)
        if not stream.recent.filled:
            await self.recoveries.fill(stream)

    def open_feed(self, wanted: Wanted) -> Opened | None:
        """What `open_streams` says of the feed, from memory; None: ask the database.

        Everybody may read the feed, and the stream knows where it stands: nobody's coming back costs a read.
        """
        stream = self._stream(FEED)
        if not stream.recent.filled or stream.head is None or self.epoch is None:
            return None
        replay: list[Encoded] | None = []
        if wanted.seq is not None:
            if wanted.seq > stream.head or wanted.epoch != self.epoch:
                return None  # they may know more than we do
            replay = stream.recent.after(wanted.seq, stream.head)
        return Opened(wanted.uri, FEED_KIND, self.epoch, stream.head, replay, read_marks={})

    def leave(self, follower: Follower, name: str) -> None:
        """The follower is sent nothing more of that stream."""
        if (stream := self.streams.get(name)) is not None:
            stream.forget(follower)

    async def enter(
        self, follower: Follower, user_id: int, *, access_version: int, list_version: int
    ) -> None:
        """A socket of this user is here, with the versions that its credential was read with."""
        await self._start()
        user = self.users.setdefault(user_id, ConnectedUser(access_version, list_version))
        user.access_version = min(user.access_version, access_version)
        user.followers[follower] = None
        stream = self._stream(f"user.{user_id}")
        if not stream.grouped:
            await self._layer.join([stream])

    def depart(self, follower: Follower, user_id: int) -> None:
        user = self.users.get(user_id)
        if user is not None:
            user.followers.pop(follower, None)
            if not user.followers:
                del self.users[user_id]
                self._linger(self._stream(f"user.{user_id}"))

    def announce(
        self, name: str, kind: JoinOrLeave, info: dict[str, Any], when: asyncio.Future[None] | None
    ) -> None:
        """Tells those who watch a stream's presence, in all processes, that somebody came or went, `when` it is so for all
        who ask. May be lost.
        """
        announcing = self._spawn(self._announce(name, kind, info, when))
        self._announcing.add(announcing)
        announcing.add_done_callback(self._announcing.discard)

    async def announced(self) -> None:
        """Returns when everybody has been told of who has come and gone by now."""
        if self._announcing:
            await asyncio.wait(self._announcing)

    async def _announce(
        self, name: str, kind: JoinOrLeave, info: dict[str, Any], when: asyncio.Future[None] | None
    ) -> None:
        if when is not None:
            await asyncio.wait([when])
        await self._layer.send(name, {"type": LAYER_TYPE, "stream": name, "presence": [[kind, info]]})

    # Streams

    def _stream(self, name: str) -> Stream:
        stream = self.streams.get(name)
        if stream is None:
            stream = self.streams[name] = Stream(
                name,
                self.counters,
                on_frames=self._flush_soon,
                on_gap=self._mind_the_gap,
                on_deserted=self._linger,
                is_crowd=self._slices.is_crowd,
                on_crowd_frames=self._flush_later,
            )
        return stream

    def _flush_soon(self, stream: Stream) -> None:
        if not self._to_flush:
            asyncio.get_running_loop().call_soon(self._flush)
        self._to_flush.append(stream)

    def _flush_later(self, stream: Stream, group: Group) -> None:
        flush = partial(self._slices.call, partial(stream.flush_crowd, group))
        asyncio.get_running_loop().call_later(CROWD_EVERY_S, flush)

    def _flush(self) -> None:
        streams, self._to_flush = self._to_flush, []
        for stream in streams:
            try:
                stream.flush()
            except Exception:
                # The streams after it would wait for a turn that never comes.
                logger.exception("The frames of a stream could not be sent.")
        if self._commits_to_flush:
            now = time.time()
            for committed_at in self._commits_to_flush:
                self.counters.lag.observe(now - committed_at)
            self._commits_to_flush.clear()

    def _linger(self, stream: Stream) -> None:
        """A stream that everybody has left is kept a little: people reload pages."""
        asyncio.get_running_loop().call_later(LINGER_S, self._close_if_deserted, stream)

    def _close_if_deserted(self, stream: Stream) -> None:
        if (
            self.streams.get(stream.name) is stream
            and stream.deserted
            and not self._is_connected_user(stream.name)
        ):
            del self.streams[stream.name]
            if stream.grouped:
                self._spawn(self._leave_group(stream.name))

    def _is_connected_user(self, name: str) -> bool:
        return name.startswith("user.") and int(name.removeprefix("user.")) in self.users

    def _mind_the_gap(self, stream: Stream) -> None:
        if stream not in self._repairing:
            self._repairing.add(stream)
            self._spawn(self._repair(stream))

    async def _repair(self, stream: Stream) -> None:
        """Waits a little for what may only be late; then reads the log until the stream has all that it has."""
        pause_s = 0.1
        try:
            await asyncio.sleep(GAP_WAIT_S)
            while stream.behind and stream.head is not None and not stream.deserted:
                self.counters.repairs_by_cause[stream.behind_because] += 1
                try:
                    missed = await database.run(stream_after, stream.uri, stream.head, limit=REPAIR_AT_ONCE)
                except Exception as error:
                    logger.warning("The log can't be read to repair a gap, trying again: %r", error)
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, 5.0)
                    continue
                if missed:
                    stream.take_repair(missed)
                    self._note_commit(_moment_of(missed[0]))
                else:
                    # The log does not have what the bell told of, as after a restore: the comparison will see.
                    stream.forget_rumours()
        finally:
            self._repairing.discard(stream)

    # The layer

    async def _start(self) -> None:
        if self._started is None:
            self._started = self._spawn(self._begin())
        if not self._started.done():
            await asyncio.shield(self._started)

    async def _begin(self) -> None:
        bell.attach(asyncio.get_running_loop())
        await self._layer.open()
        self._spawn(self._keep_watch())

    def _layer_is_back(self) -> None:
        """What it was given while it was away is in the log."""
        self._spawn(self.compare())

    async def _leave_group(self, name: str) -> None:
        await self._layer.leave(name)
        if (again := self.streams.get(name)) is not None:  # followed again meanwhile
            await self._layer.join([again])

    def _take(self, message: LayerMessage) -> None:
        name: str = message["stream"]
        if "recheck" in message:
            self._check_credentials(int(name.removeprefix("user.")))
        if name.startswith("user."):
            self._note_list_version(name, message.get("doorbells", ()))
        if "people" in message:
            self.recoveries.forget_everything()
        stream = self.streams.get(name)
        if stream is not None:
            self._pass_on(stream, message)

    def _pass_on(self, stream: Stream, message: LayerMessage) -> None:
        for seq, ends, encoded in message.get("events", ()):
            stream.take_event((seq, ends, encoded))
        if "committed_at" in message:
            self._note_commit(message["committed_at"])
        for encoded in message.get("doorbells", ()):
            stream.take_doorbell(encoded)
        for kind, info in message.get("presence", ()):
            stream.take_presence(kind, info)

    def _note_commit(self, committed_at: float) -> None:
        """Of events whose frames go out with the next flush, if there are any."""
        if self._to_flush:
            self._commits_to_flush.append(committed_at)

    def _note_list_version(self, name: str, doorbells: Iterable[bytes]) -> None:
        user = self.users.get(int(name.removeprefix("user.")))
        if user is not None:
            for doorbell in doorbells:
                user.list_version = max(user.list_version, orjson.loads(doorbell).get("list_version", 0))

    async def _keep_watch(self) -> None:
        loop = asyncio.get_running_loop()
        compare_at = loop.time() + COMPARE_EVERY_S
        while True:
            await asyncio.sleep(PING_EVERY_S)
            try:
                if self._layer.is_silent:
                    await self._layer.renew(self.streams.values())
                if self._layer.unheard > 1 or loop.time() >= compare_at:
                    compare_at = loop.time() + COMPARE_EVERY_S
                    await self.compare()
                await self._layer.ping()
            except Exception:
                # Nobody else would find what the layer loses.
                logger.exception("The watch over the channel layer failed at something, and goes on.")

    # Comparing with the database

    async def compare(self) -> None:
        """Finds what the layer has lost: later heads, another epoch, users whose rights, names or lists have changed."""
        self._compare_wanted = True
        if self._comparing.locked():
            return  # whoever is at it goes on to compare what was sent since
        async with self._comparing:
            while self._compare_wanted:
                self._compare_wanted = False
                await self._compare()

    async def _compare(self) -> None:
        self.counters.comparisons += 1
        self.recoveries.forget_everything()
        await self._layer.join([stream for stream in self.streams.values() if not stream.grouped])
        try:
            await self._compare_epoch()
            for streams in _chunks([each for each in self.streams.values() if each.head is not None]):
                before = {stream: stream.head for stream in streams}
                heads = await database.run(positions.heads, [stream.uri for stream in streams])
                for stream, sent in before.items():
                    self._compare_head(stream, sent, heads.get(stream.uri))
            for user_ids in _chunks(list(self.users)):
                for user_id, versions in (await database.run(positions.user_versions, user_ids)).items():
                    self._compare_user(user_id, versions)
        except Exception as error:
            logger.warning("The database can't be compared with, trying again later: %r", error)

    async def _compare_epoch(self) -> None:
        epoch = await database.run(positions.epoch)
        if self.epoch is not None and self.epoch != epoch:
            for stream in list(self.streams.values()):
                if stream.numbered:
                    stream.start_over()
        self.epoch = epoch

    def _compare_head(self, stream: Stream, sent: int | None, head: int | None) -> None:
        """`sent` was the stream's head before the log's was read."""
        if stream.head is None or sent is None or head is None:
            return
        if head < sent:
            logger.warning("A log has gone back from %d to %d: its followers start over.", sent, head)
            stream.start_over()
        else:
            stream.learn_head(head, because="comparison")

    def _compare_user(self, user_id: int, versions: positions.UserVersions) -> None:
        user = self.users.get(user_id)
        if user is None:
            return
        if versions.access != user.access_version:
            user.access_version = versions.access
            self._check_credentials(user_id)
        if versions.list != user.list_version:
            user.list_version = versions.list
            doorbell = ChatsDoorbell(list_version=versions.list).model_dump_json().encode()
            self._stream(f"user.{user_id}").take_doorbell(doorbell)

    def _check_credentials(self, user_id: int) -> None:
        if (user := self.users.get(user_id)) is not None:
            for follower in list(user.followers):
                follower.check_credential()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _moment_of(event: Encoded) -> float:
    """When it was committed, or a little before: its transaction began then."""
    at: str = orjson.loads(event[2])["at"]
    return datetime.fromisoformat(at).timestamp()


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), COMPARE_CHUNK):
        yield items[start : start + COMPARE_CHUNK]
