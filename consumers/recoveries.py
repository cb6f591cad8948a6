"""What those who come back have missed, from memory: one read of the log for all who have missed the same.

The feed's last events stay in memory. A room's do while several come back to it: for one person, what they have missed is
read with their access (`messaging/queries/events.py`). Access to a room is asked at the database in either case, and
memory stands in for the log only when it is no older than what the database said then: so what was taken back by that
time is in it no more.

At most `MAX_ROOMS` rooms are remembered at a time, until `KEPT_S` after somebody last came back to them. Each is half a
megabyte at the most, and as much again for each of a few replays that are ready to be sent (`consumers/recent.py`): all
of them together some 40 MB.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from consumers.stream import Stream
from messaging.commands import FEED_URI
from messaging.crowd import database
from messaging.queries.events import Opened
from messaging.queries.events import tail as read_tail

FEED = f"chat.{FEED_URI}"
MAX_ROOMS = 16
KEPT_S = 5.0
# What the database has told of is on its way through the layer, or is being read to repair a gap.
LOOKS = 10
LOOK_EVERY_S = 0.01


class Recoveries:
    """Part of the hub, whose `streams` these are. `agrees` says whether an epoch is that of the logs as the hub knows
    them; `spawn` keeps a task.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        agrees: Callable[[str], bool],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._streams = streams
        self._agrees = agrees
        self._spawn = spawn
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._rooms: set[Stream] = set()

    def are_several(self, name: str) -> bool:
        """Somebody has come back to a stream that they have joined: whether others have, just before, so that what they have
        missed is to be had from memory.
        """
        stream = self._streams.get(name)
        return stream is not None and stream.recent.are_several() and self._has_room_for(stream)

    async def prepare(self, opened: Opened) -> None:
        """Returns when `recover` can say what was missed, or when it is not to be waited for any longer."""
        stream, since = self._streams.get(f"chat.{opened.uri}"), opened.unread_since
        if (
            stream is None
            or since is None
            or not self._agrees(opened.epoch)
            or not self._has_room_for(stream)
        ):
            return
        self._remember(stream)
        # Others may have missed a little more; whoever that is not enough for reads all that a replay may be.
        for after in (2 * since - opened.head, 0):
            if not stream.recent.reaches(since):
                await self.fill(stream, after if stream.recent.is_empty else 0)
        for _ in range(LOOKS):
            if stream.head is None or stream.head >= opened.head:
                break
            stream.learn_head(opened.head, because="reader")
            await asyncio.sleep(LOOK_EVERY_S)

    def recover(self, opened: Opened, user_id: int | None) -> Opened | None:
        """With what was missed, up to where the stream stands by now; None: ask the database.

        Their access is known up to `opened.head`, and whoever has come to an end since is to be asked about again.
        """
        stream, since = self._streams.get(f"chat.{opened.uri}"), opened.unread_since
        if stream is None or since is None or stream.head is None or stream.head < opened.head:
            return None
        if not self._agrees(opened.epoch) or not stream.recent.reaches(since):
            return None
        replay = stream.recent.after(since, stream.head)
        if replay is None:
            return replace(opened, unread_since=None)
        for _, ends, _ in takewhile(lambda event: event[0] > opened.head, reversed(replay)):
            if user_id in ends:
                return None
        return replace(opened, head=stream.head, replay=replay, unread_since=None)

    def forget_everything(self) -> None:
        """Somebody may go by another name, or by none: what is kept in memory still has the old one."""
        feed = self._streams.get(FEED)
        for stream in [*self._rooms, *([feed] if feed is not None else [])]:
            stream.recent.clear()

    async def fill(self, stream: Stream, after: int = 0) -> None:
        """Reads the end of the log, from `after` on if it is to be no longer; once, however many wait for it."""
        reading = self._reading.get(stream.name)
        if reading is None:
            reading = self._reading[stream.name] = self._spawn(self._read(stream, after))
        await asyncio.shield(reading)

    async def _read(self, stream: Stream, after: int) -> None:
        clearings = stream.recent.clearings
        try:
            tail = await database.run(read_tail, stream.uri, after)
            if self._agrees(tail.epoch):
                stream.fill_recent(tail, clearings)
        finally:
            # Now, and not in the loop's next turn: whoever comes in this one would wait for what is done, and begin nothing.
            del self._reading[stream.name]

    def _has_room_for(self, stream: Stream) -> bool:
        return stream.recent.is_kept or len(self._rooms) < MAX_ROOMS

    def _remember(self, stream: Stream) -> None:
        """From now on what comes is kept, too."""
        if not stream.recent.is_kept:
            self._rooms.add(stream)
            stream.recent.clear()
            stream.recent.is_kept = True
            self._forget_in(KEPT_S, stream)

    def _forget_in(self, delay_s: float, stream: Stream) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._forget_if_quiet, stream)

    def _forget_if_quiet(self, stream: Stream) -> None:
        rest_s = KEPT_S - stream.recent.quiet_s()
        if rest_s > 0:
            self._forget_in(rest_s, stream)
            return
        self._rooms.discard(stream)
        stream.recent.is_kept = False
        stream.recent.clear()
