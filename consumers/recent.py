"""The last events of a stream, kept in memory: whoever comes back recovers from here, without a read each.

Only for chats that everybody may read. Nothing that has since been taken back is kept: a deletion empties it.
"""

from collections import deque
from itertools import islice

from consumers.encodings import Publications
from messaging.queries.events import MAX_REPLAY_BYTES, MAX_REPLAYED, Encoded

# Those who come back after a deploy have missed the same; each of these may be half a megabyte.
MAX_REPLAYS = 4
_TAKES_BACK = b'"type":"message.deleted"'


class Recent:
    """A run of events without holes that ends where the stream stands, as long as a replay may be.

    `filled`: what came before the run could not be replayed anyway. `clearings` counts how often it was emptied, so
    that a read of the log which began before is not put in after.
    """

    def __init__(self) -> None:
        self.filled = False
        self.clearings = 0
        self._events: deque[Encoded] = deque()
        self._bytes = 0
        self._replays: dict[int, Publications] = {}

    def add(self, event: Encoded) -> None:
        """The stream's next event."""
        if _TAKES_BACK in event[2]:
            self.clear()
        else:
            self._append(event)

    def fill(self, events: list[Encoded], head: int) -> None:
        """What the log has up to `head`, where the stream stands, before what was added since."""
        last = events[-1][0] if events else head
        later = [event for event in self._events if event[0] > last]
        if last + len(later) == head:
            self._events.clear()
            self._bytes = 0
            for event in [*events, *later]:
                self._append(event)
            self.filled = True

    def clear(self) -> None:
        self._events.clear()
        self._replays.clear()
        self._bytes = 0
        self.filled = False
        self.clearings += 1

    def after(self, seq: int, head: int) -> list[Encoded] | None:
        """The events `(seq, head]`, the same for all who ask until there is another; None if that is more than a replay may
        be. Ask only if `filled`.
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
