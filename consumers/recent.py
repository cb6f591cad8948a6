"""The last events of a stream, kept in memory: whoever comes back recovers from here, without a read each.

Nothing that has since been taken back is kept: a deletion empties it. Whose they are to see is not known here.
"""

import time
from collections import deque
from itertools import islice

from consumers.encodings import Publications
from messaging.queries.events import MAX_REPLAY_BYTES, MAX_REPLAYED, Encoded

# Those who come back after a deploy have missed the same; each of these may be half a megabyte.
MAX_REPLAYS = 4
# So many who come back, each within that time of the one before, are several.
SEVERAL = 2
WITHIN_S = 1.0
_TAKES_BACK = b'"type":"message.deleted"'


class Recent:
    """A run of events without holes that ends where the stream stands, as long as a replay may be.

    `is_kept`: it is told of every event. `filled`: what came before the run could not be replayed anyway. `clearings`
    counts how often it was emptied, so that a read of the log which began before is not put in after.
    """

    def __init__(self, *, is_kept: bool = False) -> None:
        self.is_kept = is_kept
        self.filled = False
        self.clearings = 0
        self._events: deque[Encoded] = deque()
        self._bytes = 0
        self._replays: dict[int, Publications] = {}
        self._wanted = 0
        self._wanted_at = float("-inf")

    @property
    def is_empty(self) -> bool:
        return not self._events

    def are_several(self) -> bool:
        """One more comes back: whether that makes several."""
        if self.quiet_s() > WITHIN_S:
            self._wanted = 0
        self._wanted += 1
        self._wanted_at = time.monotonic()
        return self._wanted >= SEVERAL

    def quiet_s(self) -> float:
        """Since when nobody has come back."""
        return time.monotonic() - self._wanted_at

    def add(self, event: Encoded) -> None:
        """The stream's next event."""
        if _TAKES_BACK in event[2]:
            self.clear()
        else:
            self._append(event)

    def fill(self, events: list[Encoded], head: int, *, is_whole: bool = True) -> None:
        """What the log has up to `head`, where the stream stands, before what was added since; `is_whole`: as much of it
        as could be replayed.
        """
        last = events[-1][0] if events else head
        later = [event for event in self._events if event[0] > last]
        if last + len(later) == head:
            self._events.clear()
            self._bytes = 0
            self.filled = is_whole
            for event in [*events, *later]:
                self._append(event)

    def clear(self) -> None:
        self._events.clear()
        self._replays.clear()
        self._bytes = 0
        self.filled = False
        self.clearings += 1

    def reaches(self, seq: int) -> bool:
        """Whether `after` knows what came after it."""
        return self.filled or (bool(self._events) and self._events[0][0] <= seq + 1)

    def after(self, seq: int, head: int) -> list[Encoded] | None:
        """The events `(seq, head]`, the same for all who ask until there is another; None if that is more than a replay may
        be. Ask only if it `reaches` that far.
        """
        if seq == head:
            return []
        if not self._events or self._events[0][0] > seq + 1:
            return None
        replay = self._replays.get(seq)
        if replay is None:
            if len(self._replays) == MAX_REPLAYS:
                self._replays.clear()
            begin = seq + 1 - self._events[0][0]
            replay = self._replays[seq] = Publications(islice(self._events, begin, None))
        return replay

    def _append(self, event: Encoded) -> None:
        self._replays.clear()
        self._events.append(event)
        self._bytes += len(event[2])
        while len(self._events) > MAX_REPLAYED or self._bytes > MAX_REPLAY_BYTES:
            self._bytes -= len(self._events.popleft()[2])
            self.filled = True
