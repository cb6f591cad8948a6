"""One stream in this process: its order, its followers, and the frames on their way to them.

Invariants:
- A follower is sent the events after its position in the order of `seq`, each once. What comes early waits in
  `_early`; what comes late or twice is dropped. A gap is reported (`on_gap`), and somebody reads the log.
- A follower is registered (`join`) before its access and the head are read. Until it goes live it is sent nothing:
  what comes meanwhile is kept for it, and what is kept passes the same cut-off as live events.
- An event's `ends` is obeyed before anything later is framed: that follower is sent that event and nothing after it.
- Frames are joined until `flush`, which the hub calls once a turn of the event loop; never across the moment when a
  follower comes or goes.
- Frames go by what each wire says is the direct way (`Wire.direct`), kept until any wire of the process has turned or a
  follower of this stream has come or gone.
- A follower leaves synchronously (`forget`), in the server's own notice that its socket is lost.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from consumers.encodings import Dialect, JoinOrLeave
from consumers.lag import Lag
from consumers.protocol import Close, Cut
from consumers.recent import Recent
from consumers.wire import Turns, Wire
from messaging.commands import FEED_URI
from messaging.queries.events import Encoded

MAX_BUFFERED_BYTES = 1024 * 1024
# Frames are sent so much at a time, so that nobody's buffer grows by more at once.
MAX_JOINED_BYTES = 64 * 1024
SLOW_ABOVE_BYTES = MAX_BUFFERED_BYTES - MAX_JOINED_BYTES
MAX_KEPT_BYTES = 256 * 1024
MAX_EARLY_EVENTS = 10_000

Cause = Literal["gap", "comparison", "reader"]
"""How it came out that the layer had lost something: a later event came, the log's head was compared, or a socket had
read further than the layer had told of."""


class Follower(Protocol):
    """A socket as streams and the hub see it."""

    @property
    def wire(self) -> Wire: ...

    @property
    def dialect(self) -> Dialect: ...

    @property
    def user_id(self) -> int | None: ...

    def cut_off(self, stream: str, cut: Cut) -> None:
        """The stream has let go of this follower."""

    def check_credential(self) -> None:
        """Something has changed that bears on who this is."""

    def close(self, close: Close) -> None:
        """Closes the socket."""


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


@dataclass(slots=True)
class _Ways:
    """How frames reach the followers of one dialect, as long as `turns` is what `Turns.count` says."""

    turns: int
    direct: dict[Callable[[bytes], int], Follower]
    others: list[Follower]


class Stream:
    """See the module. `head` is the last seq sent (None: no follower has read it yet), `known_head` the last one that
    the log is known to have."""

    def __init__(
        self,
        name: str,
        counters: Counters,
        on_frames: Callable[["Stream"], None],
        on_gap: Callable[["Stream"], None],
        on_deserted: Callable[["Stream"], None],
    ) -> None:
        self.name = name
        self.numbered = name.startswith("chat.")
        self.public = name == f"chat.{FEED_URI}"
        self.grouped = False
        self.head: int | None = None
        self.known_head = 0
        self.behind_because: Cause = "gap"
        self._counters = counters
        self._on_frames = on_frames
        self._on_gap = on_gap
        self._on_deserted = on_deserted
        self._live: dict[Dialect, dict[Follower, None]] = {}
        self._joining: dict[Follower, _Joining] = {}
        self._ahead: dict[Follower, int] = {}
        self._watching_presence: dict[Follower, None] = {}
        self._early: dict[int, Encoded] = {}
        self.recent = Recent()
        self._outbox: dict[Dialect, list[bytes]] = {}
        self._ways: dict[Dialect, _Ways] = {}

    @property
    def uri(self) -> str:
        return self.name.removeprefix("chat.")

    @property
    def deserted(self) -> bool:
        return not (self._joining or self._ahead or any(self._live.values()))

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
        self.flush()
        self._ways.pop(follower.dialect, None)
        self._live.setdefault(follower.dialect, {})[follower] = None

    def forget(self, follower: Follower) -> None:
        """The follower is sent nothing more."""
        self._joining.pop(follower, None)
        self._ahead.pop(follower, None)
        self._watching_presence.pop(follower, None)
        self._ways.pop(follower.dialect, None)
        if (group := self._live.get(follower.dialect)) is not None:
            group.pop(follower, None)
        if self.deserted:
            self._on_deserted(self)

    def cut_off(self, follower: Follower, cut: Cut) -> None:
        self.forget(follower)
        follower.cut_off(self.name, cut)

    def start_over(self) -> None:
        """What the followers have been sent can't be continued: they subscribe again, from a fresh read."""
        self.flush()
        self.head, self.known_head = None, 0
        self.recent.clear()
        self._early.clear()
        for joining in self._joining.values():
            joining.overflow()
        for follower in [*self._ahead, *itertools.chain(*self._live.values())]:
            self.cut_off(follower, Cut.START_OVER)

    def fill_recent(self, head: int, events: list[Encoded], clearings: int) -> None:
        """The end of the log, from a read that began when `recent` had been emptied that often."""
        if self.head is None:
            self.head = head
            self._take_early()
        if self.recent.clearings == clearings:
            self.recent.fill([event for event in events if event[0] <= self.head], self.head)
        self.learn_head(head, because="reader")

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
        for dialect in self._live:
            self._post(dialect, dialect.doorbell_frame(self.name, encoded))

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
        self.head, ends, encoded = event
        self._counters.events += 1
        if self.public:
            self.recent.add(event)
        for dialect, followers in self._live.items():
            if followers:
                self._post(dialect, dialect.event_frame(self.name, self.head, encoded))
        for joining in self._joining.values():
            joining.keep(event)
        if ends:
            self.flush()
            for follower in [each for group in self._live.values() for each in group if each.user_id in ends]:
                self.cut_off(follower, Cut.NO_LONGER_YOURS)
        if self._ahead:
            for follower in [each for each, position in self._ahead.items() if position <= self.head]:
                del self._ahead[follower]
                self._admit(follower)

    # Fan-out

    def _post(self, dialect: Dialect, frame: bytes) -> None:
        if frame:
            if not self._outbox:
                self._on_frames(self)
            self._outbox.setdefault(dialect, []).append(frame)

    def flush(self) -> None:
        """Everything that waits goes out: the same bytes to every socket of a dialect, one write each."""
        if not self._outbox:
            return
        outbox, self._outbox = self._outbox, {}
        slow: list[Follower] = []
        for dialect, frames in outbox.items():
            self._counters.deliveries += len(self._live.get(dialect, ())) * len(frames)
            for joined in _joined(frames):
                self._send_to_all(dialect, joined, slow)
        for follower in slow:
            self._close_slow(follower)

    def _send_to_all(self, dialect: Dialect, joined: bytes, slow: list[Follower]) -> None:
        """Nothing more to those who are slow, and those whom this is too much for become slow."""
        ways = self._ways_to(dialect)
        size = len(joined)
        # Nothing but what a send needs is touched for each of thousands of sockets: memory is what this loop waits for.
        for send in ways.direct:
            try:
                taken = send(joined)
            except OSError:
                # Full or broken: the transport waits for the first and ends the connection for the second.
                taken = 0
            if taken != size and ways.direct[send].wire.send_rest(joined[taken:]) > SLOW_ABOVE_BYTES:
                slow.append(ways.direct[send])
        for follower in ways.others:
            if follower not in slow and follower.wire.send(joined) > SLOW_ABOVE_BYTES:
                slow.append(follower)

    def _ways_to(self, dialect: Dialect) -> _Ways:
        ways = self._ways.get(dialect)
        if ways is None or ways.turns != Turns.count:
            followers = self._live.get(dialect, {})
            direct = {send: each for each in followers if (send := each.wire.direct) is not None}
            others = [each for each in followers if each.wire.direct is None]
            ways = self._ways[dialect] = _Ways(Turns.count, direct, others)
        return ways

    def _send_alone(self, follower: Follower, frame: bytes) -> None:
        if frame and follower.wire.send(frame) > SLOW_ABOVE_BYTES:
            self._close_slow(follower)

    def _close_slow(self, follower: Follower) -> None:
        self._counters.slow_closes += 1
        follower.close(Close.SLOW)


def _joined(frames: list[bytes]) -> Iterator[bytes]:
    """The frames in as few pieces as their size allows."""
    first = size = 0
    for at, frame in enumerate(frames):
        if size and size + len(frame) > MAX_JOINED_BYTES:
            yield b"".join(frames[first:at])
            first, size = at, 0
        size += len(frame)
    yield b"".join(frames[first:])
