"""Followers of one stream who are sent the same bytes: the frames that wait for them, and the ways to their sockets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from consumers.encodings import Dialect
from consumers.protocol import Close, Cut
from consumers.wire import Turns, Wire

MAX_BUFFERED_BYTES = 1024 * 1024
# Frames are sent so much at a time, so that nobody's buffer grows by more at once.
MAX_JOINED_BYTES = 64 * 1024
SLOW_ABOVE_BYTES = MAX_BUFFERED_BYTES - MAX_JOINED_BYTES


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


@dataclass(slots=True)
class _Ways:
    """How frames reach the followers of one group, as long as `turns` is what `Turns.count` says."""

    turns: int
    direct: dict[Callable[[bytes], int], Follower]
    others: list[Follower]


class Group:
    """See the module; all its followers speak one dialect. Whoever comes is sent all that waits: add nobody while something
    does that is not theirs.
    """

    __slots__ = ("_ways", "dialect", "followers", "frames")

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.followers: dict[Follower, None] = {}
        self.frames: list[bytes] = []
        self._ways: _Ways | None = None

    def add(self, follower: Follower) -> None:
        self._ways = None
        self.followers[follower] = None

    def discard(self, follower: Follower) -> None:
        self._ways = None
        self.followers.pop(follower, None)

    def send(self) -> list[Follower]:
        """Everything that waits goes out, one write to each. Returns those who are too slow for it."""
        frames, self.frames = self.frames, []
        slow: list[Follower] = []
        for joined in _joined(frames):
            self._send_to_all(joined, slow)
        return slow

    def _send_to_all(self, joined: bytes, slow: list[Follower]) -> None:
        """Nothing more to those who are slow, and those whom this is too much for become slow."""
        ways = self._ways_to_all()
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

    def _ways_to_all(self) -> _Ways:
        if self._ways is None or self._ways.turns != Turns.count:
            direct = {send: each for each in self.followers if (send := each.wire.direct) is not None}
            others = [each for each in self.followers if each.wire.direct is None]
            self._ways = _Ways(Turns.count, direct, others)
        return self._ways


def _joined(frames: list[bytes]) -> Iterator[bytes]:
    """The frames in as few pieces as their size allows."""
    first = size = 0
    for at, frame in enumerate(frames):
        if size and size + len(frame) > MAX_JOINED_BYTES:
            yield b"".join(frames[first:at])
            first, size = at, 0
        size += len(frame)
    if frames:
        yield b"".join(frames[first:])
