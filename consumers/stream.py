"""One stream in this process: its order, its followers, and the frames on their way to them.

Invariants:
- A follower is sent the events after its position in the order of `seq`, each once. What comes early waits in
  `_early`; what comes late or twice is dropped. A gap is reported (`on_gap`), and somebody reads the log.
- A follower is registered (`join`) before its access and the head are read. Until it goes live it is sent nothing:
  what comes meanwhile is kept for it, and what is kept passes the same cut-off as live events.
- An event's `ends` is obeyed before anything later is framed: that follower is sent that event and nothing after it.
- Frames are joined until `flush`, which the hub calls once a turn of the event loop; never across the moment when a
  follower comes or goes.
- Whoever comes with a crowd is in a small group of the crowd (`consumers/group.py`). These are sent to one after the other,
  now and then and all that has come up since, so that whoever was here before waits for none of it.
- A follower leaves synchronously (`forget`), in the server's own notice that its socket is lost.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from consumers.encodings import Dialect, JoinOrLeave
from consumers.group import SLOW_ABOVE_BYTES, Follower, Group
from consumers.lag import Lag
from consumers.protocol import Close, Cut
from consumers.recent import Recent
from messaging.commands import FEED_URI
from messaging.queries.events import Encoded, Tail

MAX_KEPT_BYTES = 256 * 1024
MAX_EARLY_EVENTS = 10_000
# Of a crowd, so many are sent to at a time.
CROWD_GROUP = 64

Cause = Literal["gap", "comparison", "reader"]
"""How it came out that the layer had lost something: a later event came, the log's head was compared, or a socket had
read further than the layer had told of."""


@dataclass
class Counters:
    """What the streams and the hub of this process have done; for metrics and tests."""

    events: int = 0
    deliveries: int = 0
    subscriptions: int = 0
    repairs_by_cause: Counter[Cause] = field(default_factory=Counter)
    comparisons: int = 0
    renewals: int = 0
    slow_closes: int = 0
    lag: Lag = field(default_factory=Lag)

    @property
    def repairs(self) -> int:
        return self.repairs_by_cause.total()


@dataclass
class _Joining:
    """A follower between `join` and `go_live`, and the events that came meanwhile, by seq."""

    kept: dict[int, Encoded] = field(default_factory=dict)
    overflown: bool = False
    _bytes: int = 0

    def keep(self, event: Encoded) -> None:
        self._bytes += len(event[2])
        if self._bytes > MAX_KEPT_BYTES:
            self.overflow()
        else:
            self.kept[event[0]] = event

    def overflow(self) -> None:
        self.overflown = True
        self.kept.clear()


class Stream:
    """See the module. `head` is the last seq sent (None: no follower has read it yet), `known_head` the last one that
    the log is known to have."""

    def __init__(
        self,
        name: str,
        counters: Counters,
        *,
        on_frames: Callable[["Stream"], None],
        on_gap: Callable[["Stream"], None],
        on_deserted: Callable[["Stream"], None],
        is_crowd: Callable[[], bool] = lambda: False,
        on_crowd_frames: Callable[["Stream", Group], None] = lambda stream, group: None,
    ) -> None:
        self.name = name
        self.numbered = name.startswith("chat.")
        self.grouped = False
        self.head: int | None = None
        self.known_head = 0
        self.behind_because: Cause = "gap"
        self._counters = counters
        self._on_frames = on_frames
        self._on_gap = on_gap
        self._on_deserted = on_deserted
        self._is_crowd = is_crowd
        self._on_crowd_frames = on_crowd_frames
        self._live: dict[Dialect, Group] = {}
        self._crowd: list[Group] = []
        self._joining: dict[Follower, _Joining] = {}
        self._ahead: dict[Follower, int] = {}
        self._watching_presence: dict[Follower, None] = {}
        self._early: dict[int, Encoded] = {}
        self.recent = Recent(is_kept=name == f"chat.{FEED_URI}")
        self._to_flush = False

    @property
    def uri(self) -> str:
        return self.name.removeprefix("chat.")

    @property
    def deserted(self) -> bool:
        return not (self._joining or self._ahead or any(group.followers for group in self._groups()))

    @property
    def behind(self) -> bool:
        return self.head is not None and self.known_head > self.head

    # Followers

    def join(self, follower: Follower) -> None:
        self._joining[follower] = _Joining()

    def go_live(self, follower: Follower, head: int, *, watch_presence: bool = False) -> bool:
        """Sends what was kept after `head` and from then on what comes. False: it must subscribe again."""
        joining = self._joining.pop(follower, None)
        if joining is None or joining.overflown:
            return False
        if not self.numbered:
            self._admit(follower)
            return True
        position = head
        while follower.wire.is_open and (event := joining.kept.get(position + 1)) is not None:
            position, ends, encoded = event
            self._send_alone(follower, follower.dialect.event_frame(self.name, position, encoded))
            if follower.user_id in ends:
                self.cut_off(follower, Cut.NO_LONGER_YOURS)
                return True
        if not follower.wire.is_open:  # it was too slow for that, and has been closed
            self.forget(follower)
            return True
        if self.head is None:
            self.head = position
        if position < self.head:
            return False
        if watch_presence:
            self._watching_presence[follower] = None
        if position == self.head:
            self._admit(follower)
        else:
            # It has read further than the layer has told of yet, and waits for the stream to get there.
            self._ahead[follower] = position
            self.learn_head(position, because="reader")
        self._take_early()
        return True

    def _admit(self, follower: Follower) -> None:
        self._group_for(follower.dialect).add(follower)

    def _groups(self) -> Iterator[Group]:
        return itertools.chain(self._live.values(), self._crowd)

    def _group_for(self, dialect: Dialect) -> Group:
        """One for which nothing waits."""
        if self._is_crowd():
            last = self._crowd[-1] if self._crowd else None
            if (
                last is None
                or last.dialect is not dialect
                or last.frames
                or len(last.followers) >= CROWD_GROUP
            ):
                last = Group(dialect)
                self._crowd = [*(group for group in self._crowd if group.followers), last]
            return last
        group = self._live.get(dialect)
        if group is None:
            group = self._live[dialect] = Group(dialect)
        self._send(group)
        return group

    def forget(self, follower: Follower) -> None:
        """The follower is sent nothing more."""
        self._joining.pop(follower, None)
        self._ahead.pop(follower, None)
        self._watching_presence.pop(follower, None)
        for group in self._groups():
            if follower in group.followers:
                group.discard(follower)
        if self.deserted:
            self._on_deserted(self)

    def cut_off(self, follower: Follower, cut: Cut) -> None:
        self.forget(follower)
        follower.cut_off(self.name, cut)

    def start_over(self) -> None:
        """What the followers have been sent can't be continued: they subscribe again, from a fresh read."""
        self._send_everything()
        self.head, self.known_head = None, 0
        self.recent.clear()
        self._early.clear()
        for joining in self._joining.values():
            joining.overflow()
        for follower in [*self._ahead, *(each for group in self._groups() for each in group.followers)]:
            self.cut_off(follower, Cut.START_OVER)

    def fill_recent(self, tail: Tail, clearings: int) -> None:
        """The end of the log, from a read that began when `recent` had been emptied that often."""
        if self.head is None:
            self.head = tail.head
            self._take_early()
        if self.recent.is_kept and self.recent.clearings == clearings:
            events = [event for event in tail.events if event[0] <= self.head]
            self.recent.fill(events, self.head, is_whole=tail.is_whole)
        self.learn_head(tail.head, because="reader")

    # What comes

    def take_event(self, event: Encoded) -> None:
        """An event from the layer, in any order, any number of times."""
        seq = event[0]
        if self.head is None:
            # Those who are about to read the head find it there or here.
            for joining in self._joining.values():
                joining.keep(event)
            self._set_aside(event)
        elif seq == self.head + 1:
            self._deliver(event)
            self._take_early()
        elif seq > self.head:
            self._set_aside(event)
            self.learn_head(seq)

    def take_repair(self, events: list[Encoded]) -> None:
        """Events as the log has them, in order, from where the stream stands."""
        for event in events:
            if self.head is None:
                return
            if event[0] == self.head + 1:
                self._deliver(event)
            elif event[0] > self.head:
                self.start_over()  # what lies between was pruned before anybody here was sent it
        self._take_early()

    def learn_head(self, head: int, *, because: Cause = "gap") -> None:
        """The log is at least at `head`."""
        self.known_head = max(self.known_head, head)
        if self.behind:
            self.behind_because = because
            self._on_gap(self)

    def forget_rumours(self) -> None:
        """The log does not have what was told of it."""
        if self.head is not None:
            self.known_head = self.head
            self._early.clear()

    def take_doorbell(self, encoded: bytes) -> None:
        self._post(lambda dialect: dialect.doorbell_frame(self.name, encoded))

    def take_presence(self, kind: JoinOrLeave, info: dict[str, Any]) -> None:
        for follower in list(self._watching_presence):
            self._send_alone(follower, follower.dialect.presence_frame(self.name, kind, info))

    def _set_aside(self, event: Encoded) -> None:
        if len(self._early) < MAX_EARLY_EVENTS:
            self._early[event[0]] = event

    def _take_early(self) -> None:
        if not self._early or self.head is None:
            return
        while (event := self._early.pop(self.head + 1, None)) is not None:
            self._deliver(event)
        for seq in [seq for seq in self._early if seq <= self.head]:
            del self._early[seq]
        if self._early:
            self.learn_head(max(self._early))

    def _deliver(self, event: Encoded) -> None:
        """The next event, to everybody who is to see it."""
        seq, ends, encoded = event
        self.head = seq
        self._counters.events += 1
        if self.recent.is_kept:
            self.recent.add(event)
        self._post(lambda dialect: dialect.event_frame(self.name, seq, encoded))
        for joining in self._joining.values():
            joining.keep(event)
        if ends:
            self._send_everything()
            for follower in [
                each for group in self._groups() for each in group.followers if each.user_id in ends
            ]:
                self.cut_off(follower, Cut.NO_LONGER_YOURS)
        if self._ahead:
            for follower in [each for each, position in self._ahead.items() if position <= self.head]:
                del self._ahead[follower]
                self._admit(follower)

    # Fan-out

    def _post(self, frame_in: Callable[[Dialect], bytes]) -> None:
        self._settle()
        frames: dict[Dialect, bytes] = {}
        for group in self._groups():
            if not group.followers:
                continue
            if group.dialect not in frames:
                frames[group.dialect] = frame_in(group.dialect)
            if frame := frames[group.dialect]:
                self._post_to(group, frame)

    def _post_to(self, group: Group, frame: bytes) -> None:
        if group is self._live.get(group.dialect):
            if not self._to_flush:
                self._to_flush = True
                self._on_frames(self)
        elif not group.frames:
            self._on_crowd_frames(self, group)
        group.frames.append(frame)

    def flush(self) -> None:
        """What waits for all but the crowd goes out: the same bytes to every socket of a dialect, one write each."""
        self._to_flush = False
        for group in list(self._live.values()):
            self._send(group)

    def flush_crowd(self, group: Group) -> None:
        """What waits for some of the crowd goes out."""
        self._send(group)
        self._settle()

    def _settle(self) -> None:
        """When the crowd is over, those of it for whom nothing waits are followers like the others."""
        if not self._crowd or self._is_crowd():
            return
        settled = [group for group in self._crowd if not group.frames]
        self._crowd = [group for group in self._crowd if group.frames]
        for group in settled:
            live = self._group_for(group.dialect)
            for follower in group.followers:
                live.add(follower)

    def _send_everything(self) -> None:
        for group in list(self._groups()):
            self._send(group)

    def _send(self, group: Group) -> None:
        if group.frames:
            self._counters.deliveries += len(group.followers) * len(group.frames)
            for follower in group.send():
                self._close_slow(follower)

    def _send_alone(self, follower: Follower, frame: bytes) -> None:
        if frame and follower.wire.send(frame) > SLOW_ABOVE_BYTES:
            self._close_slow(follower)

    def _close_slow(self, follower: Follower) -> None:
        self._counters.slow_closes += 1
        follower.close(Close.SLOW)
