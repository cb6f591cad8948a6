"""One stream: whatever arrives in whatever order, every follower is sent what comes after its position, once, in order,
and nothing after its end.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.encodings import JoinOrLeave
from consumers.group import MAX_BUFFERED_BYTES, Group
from consumers.protocol import Close, Cut
from consumers.stream import (
    CROWD_GROUP,
    MAX_EARLY_EVENTS,
    MAX_KEPT_BYTES,
    Counters,
    Stream,
)
from consumers.wire import Turns
from messaging.queries.events import Encoded

USERS = (1, 2)


class Dialect:
    """Frames that a test can read back: `a7 data;`, with a letter of the dialect's own."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.framed = 0

    def event_frame(self, stream: str, seq: int, encoded: bytes) -> bytes:
        self.framed += 1
        return f"{self.letter}{seq} ".encode() + encoded + b";"

    def doorbell_frame(self, stream: str, encoded: bytes) -> bytes:
        return b"bell;"

    def presence_frame(self, stream: str, kind: JoinOrLeave, info: dict[str, Any]) -> bytes:
        return f"{kind};".encode()


class TestWire:
    """The edge of the house: takes frames, and buffers as many of their bytes as it is told to."""

    __test__ = False

    def __init__(self, *, is_deaf: bool = False) -> None:
        self.on_lost: Any = None
        self.is_open = True
        self.is_deaf = is_deaf
        self.buffered = 0
        self.writes = 0
        self.said = b""
        self.more = asyncio.Event()

    @property
    def direct(self) -> Callable[[bytes], int] | None:
        return self._take if self.is_open and not self.buffered else None

    def _take(self, frame: bytes) -> int:
        assert self.direct is not None, "the direct way is closed by now"
        self.writes += 1
        if self.is_deaf:
            raise BlockingIOError
        self.said += frame
        self.more.set()
        return len(frame)

    def send(self, frame: bytes) -> int:
        if self.is_open:
            self.writes += 1
            if self.is_deaf:
                return self.send_rest(frame)
            self.said += frame
            self.more.set()
        return self.buffered

    def send_rest(self, rest: bytes) -> int:
        self.said += rest
        self.more.set()
        self.buffered += len(rest)
        Turns.count += 1
        return self.buffered

    async def drained(self, below_bytes: int = 0) -> None:
        raise NotImplementedError

    def close(self, code: int, reason: str) -> None:
        raise NotImplementedError

    def lost(self) -> None:
        raise NotImplementedError


class Socket:
    """A follower that remembers what the stream did to it."""

    def __init__(self, dialect: Dialect, user_id: int | None = None, *, is_deaf: bool = False) -> None:
        self.wire = TestWire(is_deaf=is_deaf)
        self.dialect = dialect
        self.user_id = user_id
        self.cuts: list[Cut] = []
        self.closes: list[Close] = []
        self.stream: Stream | None = None

    def cut_off(self, stream: str, cut: Cut) -> None:
        self.cuts.append(cut)

    def check_credential(self) -> None:
        raise NotImplementedError

    def close(self, close: Close) -> None:
        self.closes.append(close)
        self.wire.is_open = False
        Turns.count += 1
        if self.stream is not None:
            self.stream.forget(self)

    @property
    def said(self) -> list[str]:
        return [word.strip() for word in self.wire.said.decode().split(";")[:-1]]

    @property
    def heard(self) -> list[int]:
        letter = self.dialect.letter
        return [int(word[1:].split()[0]) for word in self.said if word.startswith(letter)]


def new_stream(name: str = "chat.kitchen", **callbacks: Any) -> Stream:
    def nothing(stream: Stream) -> None:
        return

    on = dict.fromkeys(("on_frames", "on_gap", "on_deserted"), nothing) | callbacks
    return Stream(name, Counters(), **on)


def event(seq: int, ends: Iterable[int] = (), size: int = 1) -> Encoded:
    return seq, list(ends), b"x" * size


def follow(stream: Stream, head: int, dialect: Dialect, **options: Any) -> Socket:
    """A socket that follows the stream from `head`."""
    socket = Socket(dialect, **options)
    socket.stream = stream
    stream.join(socket)
    assert stream.go_live(socket, head)
    return socket


class Joiner:
    """A follower between its registration and its first push, and what it has read meanwhile."""

    def __init__(self, socket: Socket, head: int | None, *, is_first: bool) -> None:
        self.socket = socket
        self.head = head
        self.is_first = is_first


class World:
    """A log, a bell that may lose, repeat and shuffle what it is given, and sockets that come and go. Each step is
    steered by one number.
    """

    def __init__(self) -> None:
        self.log: list[Encoded] = []
        self.entitled = set(USERS)
        self.gap = False
        self.deserted = 0
        self.crowded = False
        self.groups_to_flush: list[Group] = []
        self.stream = new_stream(
            on_gap=self._on_gap,
            on_deserted=self._on_deserted,
            is_crowd=lambda: self.crowded,
            on_crowd_frames=lambda stream, group: self.groups_to_flush.append(group),
        )
        self.dialects = (Dialect("a"), Dialect("b"))
        self.joining: list[Joiner] = []
        self.following: dict[Socket, int] = {}

    def _on_gap(self, stream: Stream) -> None:
        self.gap = True

    def _on_deserted(self, stream: Stream) -> None:
        self.deserted += 1

    def commit(self, number: int) -> None:
        """An event; every other one removes somebody, or has them come back."""
        user = number % 4
        self.log.append(event(len(self.log) + 1, [user] if user in self.entitled else []))
        self.entitled ^= {user} & set(USERS)

    def tell(self, number: int) -> None:
        """The bell tells of one of the last eight events, perhaps again."""
        if self.log:
            self.stream.take_event(self.log[max(0, len(self.log) - 1 - number % 8)])

    def commit_and_tell(self, number: int) -> None:
        self.commit(number)
        self.tell(0)

    def repair(self, number: int) -> None:
        if self.gap and self.stream.head is not None:
            self.stream.take_repair(self.log[self.stream.head : self.stream.head + 1 + number % 5])
            self.gap = self.stream.behind

    def compare(self, number: int) -> None:
        if self.stream.head is not None:
            self.stream.learn_head(len(self.log))

    def send(self, number: int) -> None:
        self.stream.flush()

    def crowd(self, number: int) -> None:
        """Many come from now on, or that is over."""
        self.crowded = not self.crowded

    def send_to_crowd(self, number: int) -> None:
        """Some of those who came with a crowd have their turn."""
        if self.groups_to_flush:
            self.stream.flush_crowd(self.groups_to_flush.pop(number % len(self.groups_to_flush)))

    def register(self, number: int) -> None:
        """Somebody registers, and perhaps reads the head at once."""
        user = (None, *USERS, 1)[number % 4]
        socket = Socket(self.dialects[number // 4 % 2], user)
        self.stream.join(socket)
        head = len(self.log) if number // 8 % 2 else None
        self.joining.append(Joiner(socket, head, is_first=self.stream.head is None))

    def go_on(self, number: int) -> None:
        """Somebody who has registered reads the head; or then the access, and goes live."""
        if not self.joining:
            return
        joiner = self.joining[number % len(self.joining)]
        if joiner.head is None:
            joiner.head = len(self.log)
            return
        self.joining.remove(joiner)
        socket = joiner.socket
        if socket.user_id is not None and socket.user_id not in self.entitled:
            self.stream.forget(socket)
            assert socket.heard == []
        elif self.stream.go_live(socket, joiner.head):
            self.following[socket] = joiner.head
        else:
            # Of two who are the first, the other began at a later head, with an event that the bell has not told of:
            # this one reads again.
            assert joiner.is_first
            assert joiner.head < (self.stream.head or 0)
            assert socket.heard == list(range(joiner.head + 1, joiner.head + 1 + len(socket.heard)))
            self.stream.forget(socket)

    def leave(self, number: int) -> None:
        if self.following:
            socket = list(self.following)[number % len(self.following)]
            self.stream.forget(socket)
            said = socket.wire.said
            self.stream.flush()
            self.send_to_crowd(number)
            assert socket.wire.said == said
            del self.following[socket]

    def start_over(self, number: int) -> None:
        live = [socket for socket in self.following if not socket.cuts]
        self.stream.start_over()
        assert all(socket.cuts == [Cut.START_OVER] for socket in live)
        for joiner in self.joining:
            assert not self.stream.go_live(joiner.socket, len(self.log))
        self.following.clear()
        self.joining.clear()
        self.gap = False
        assert self.stream.deserted

    def _last_for(self, socket: Socket, start: int) -> int:
        """The last event that this socket may be sent."""
        for seq, ends, _ in self.log[start:]:
            if socket.user_id in ends:
                return seq
        return len(self.log)

    def check(self) -> None:
        """What holds at any moment."""
        for socket, start in self.following.items():
            assert socket.heard == list(range(start + 1, start + 1 + len(socket.heard)))
            assert start + len(socket.heard) <= self._last_for(socket, start)
        for joiner in self.joining:
            assert joiner.socket.wire.said == b""

    def check_at_the_end(self) -> None:
        """Once heads have been compared, everybody has everything, and those whose stay has ended know it."""
        if self.stream.head is not None:
            self.stream.learn_head(len(self.log))
            while self.stream.behind:
                assert self.gap, "it is behind, and nobody was told"
                self.stream.take_repair(self.log[self.stream.head : self.stream.head + 3])
        self.stream.flush()
        while self.groups_to_flush:
            self.send_to_crowd(0)
        for socket, start in self.following.items():
            last = self._last_for(socket, start)
            assert socket.heard == list(range(start + 1, last + 1))
            has_ended = last > start and socket.user_id in self.log[last - 1][1]
            assert socket.cuts == ([Cut.NO_LONGER_YOURS] if has_ended else [])
        everybody = [*self.following, *(joiner.socket for joiner in self.joining)]
        for socket in everybody:
            self.stream.forget(socket)
        assert self.stream.deserted
        assert self.deserted or not everybody


OFTEN = (World.commit, World.tell, World.commit_and_tell, World.commit_and_tell, World.register, World.go_on)
SOMETIMES = (World.repair, World.compare, World.send, World.leave, World.crowd, World.send_to_crowd)
STEPS = (*OFTEN, *OFTEN, World.go_on, *SOMETIMES, World.start_over)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 63)), min_size=20, max_size=80))
def test_everybody_hears_what_comes_after_their_position_once_in_order_until_their_end(
    steps: list[tuple[Callable[[World, int], None], int]],
) -> None:
    world = World()
    for step, number in steps:
        step(world, number)
        world.check()
    world.check_at_the_end()


def test_those_who_come_with_a_crowd_are_sent_to_later_and_are_like_the_others_when_it_is_over(
    dialect: Dialect,
) -> None:
    waiting: list[Group] = []
    crowded = True
    stream = new_stream(is_crowd=lambda: crowded, on_crowd_frames=lambda stream, group: waiting.append(group))
    crowd = [follow(stream, 0, dialect) for _ in range(CROWD_GROUP + 1)]
    stream.take_event(event(1))
    stream.flush()
    assert all(socket.heard == [] for socket in crowd)
    assert len(waiting) == 2
    latecomer = follow(stream, 1, dialect)
    stream.take_event(event(2))
    assert [len(group.followers) for group in waiting] == [CROWD_GROUP, 1, 1]
    crowded = False
    for group in waiting:
        stream.flush_crowd(group)
    assert all(socket.heard == [1, 2] and socket.wire.writes == 1 for socket in crowd)
    assert latecomer.heard == [2]
    waiting.clear()
    stream.take_event(event(3))
    stream.flush()
    assert not waiting
    assert all(socket.heard[-1] == 3 for socket in [*crowd, latecomer])


def test_an_end_is_obeyed_in_a_crowd_before_anything_later_is_sent(dialect: Dialect) -> None:
    stream = new_stream(is_crowd=lambda: True)
    alice, bob = (follow(stream, 0, dialect, user_id=user) for user in USERS)
    stream.take_event(event(1))
    stream.take_event(event(2, ends=[2]))
    assert bob.heard == [1, 2]
    assert bob.cuts == [Cut.NO_LONGER_YOURS]
    assert alice.cuts == []


@pytest.fixture
def dialect() -> Dialect:
    return Dialect("a")


def test_an_event_is_framed_once_and_written_once_to_each(dialect: Dialect) -> None:
    waiting: list[Stream] = []
    stream = new_stream(on_frames=waiting.append)
    sockets = [follow(stream, 0, dialect) for _ in range(5)]
    for seq in (1, 2, 3):
        stream.take_event(event(seq))
    assert waiting == [stream], "it asks for its turn once"
    stream.flush()
    assert dialect.framed == 3
    for socket in sockets:
        assert socket.heard == [1, 2, 3]
        assert socket.wire.writes == 1


def test_what_the_kernel_does_not_take_goes_the_slow_way_until_that_is_clear(dialect: Dialect) -> None:
    stream = new_stream()
    full, broken, alice = (follow(stream, 0, dialect) for _ in range(3))

    def tell(seq: int) -> None:
        stream.take_event(event(seq, size=10))
        stream.flush()

    tell(1)
    take_all, full.wire._take = full.wire._take, lambda frame: 4  # type: ignore[method-assign]
    broken.wire.is_deaf = True
    Turns.count += 1
    tell(2)
    assert full.wire.said.endswith(b"xxxxx;")  # all but what the kernel took
    assert len(full.wire.said) == len(alice.wire.said) - 4
    assert (full.wire.buffered, broken.wire.buffered) == (10, 14)
    tell(3)
    assert full.wire.said[-14:] == alice.wire.said[-14:]
    full.wire.buffered, full.wire._take = 0, take_all  # type: ignore[method-assign]
    Turns.count += 1
    tell(4)
    assert alice.heard == broken.heard == [1, 2, 3, 4]
    assert full.wire.said[-28:] == alice.wire.said[-28:]


def test_who_comes_between_two_frames_gets_neither_twice(dialect: Dialect) -> None:
    stream = new_stream()
    early = follow(stream, 0, dialect)
    stream.take_event(event(1))
    late = follow(stream, 1, dialect)
    stream.take_event(event(2))
    stream.flush()
    assert early.heard == [1, 2]
    assert late.heard == [2]


def test_who_does_not_read_is_told_to_come_back_and_the_others_go_on(dialect: Dialect) -> None:
    stream = new_stream()
    deaf, alice = follow(stream, 0, dialect, is_deaf=True), follow(stream, 0, dialect)
    seqs = itertools.count(1)
    while not deaf.closes:
        stream.take_event(event(next(seqs), size=8000))
        stream.flush()
    assert deaf.closes == [Close.SLOW]
    assert deaf.wire.buffered <= MAX_BUFFERED_BYTES
    assert deaf.wire.buffered > MAX_BUFFERED_BYTES * 0.8
    stream.take_event(event(next(seqs)))
    stream.flush()
    assert alice.heard == [*deaf.heard, deaf.heard[-1] + 1]
    assert not alice.closes


def test_nobody_is_given_more_than_they_may_hold_however_much_comes_at_once(dialect: Dialect) -> None:
    stream = new_stream()
    deaf, alice = follow(stream, 0, dialect, is_deaf=True), follow(stream, 0, dialect)
    stream.take_repair([event(seq, size=30_000) for seq in range(1, 101)])
    stream.flush()
    assert deaf.closes == [Close.SLOW]
    assert deaf.wire.buffered <= MAX_BUFFERED_BYTES
    assert alice.heard == list(range(1, 101))


def test_what_is_kept_for_a_joiner_is_bounded_and_it_subscribes_again(dialect: Dialect) -> None:
    stream = new_stream()
    follow(stream, 0, dialect)
    joiner = Socket(dialect)
    stream.join(joiner)
    for seq in range(1, 2 + MAX_KEPT_BYTES // 1000):
        stream.take_event(event(seq, size=1000))
    assert not stream.go_live(joiner, 0)
    assert joiner.heard == []


def test_a_follower_too_slow_for_what_was_kept_for_it_is_not_followed_up(dialect: Dialect) -> None:
    stream = new_stream()
    alice, deaf = follow(stream, 0, dialect), Socket(dialect, is_deaf=True)
    deaf.stream = stream
    deaf.wire.buffered = MAX_BUFFERED_BYTES - 1000
    stream.join(deaf)
    for seq in range(1, 5):
        stream.take_event(event(seq, size=1000))
    stream.go_live(deaf, 0)
    assert deaf.closes == [Close.SLOW]
    stream.forget(alice)
    assert stream.deserted


def test_a_follower_that_must_subscribe_again_is_not_told_who_comes_and_goes(dialect: Dialect) -> None:
    stream = new_stream()
    first, late = follow(stream, 5, dialect), Socket(dialect)
    stream.join(late)
    assert not stream.go_live(late, 4, watch_presence=True)
    stream.forget(first)
    assert stream.deserted
    stream.take_presence("join", {"client": "somebody"})
    assert late.said == []


def test_what_comes_too_early_is_bounded_too(dialect: Dialect) -> None:
    gaps: list[Stream] = []
    stream = new_stream(on_gap=gaps.append)
    alice = follow(stream, 0, dialect)
    for seq in range(2, MAX_EARLY_EVENTS + 100):
        stream.take_event(event(seq))
    assert alice.heard == []
    assert gaps
    stream.take_repair([event(1)])
    while stream.behind:
        assert stream.head is not None
        stream.take_repair([event(seq) for seq in range(stream.head + 1, stream.head + 50)])
    stream.flush()
    assert alice.heard[: MAX_EARLY_EVENTS + 98] == list(range(1, MAX_EARLY_EVENTS + 99))


def test_what_was_pruned_before_it_was_sent_starts_over(dialect: Dialect) -> None:
    stream = new_stream()
    alice = follow(stream, 3, dialect)
    stream.learn_head(10)
    stream.take_repair([event(8), event(9), event(10)])
    assert alice.cuts == [Cut.START_OVER]
    assert alice.heard == []
    again = follow(stream, 10, dialect)
    stream.take_event(event(11))
    stream.flush()
    assert again.heard == [11]


def test_a_rumour_is_forgotten_and_never_told_in_place_of_the_truth(dialect: Dialect) -> None:
    """After a restore a bell of before may still ring: its numbers will be given again."""
    stream = new_stream()
    alice = follow(stream, 3, dialect)
    stream.take_event((9, [], b"of another life"))
    assert (stream.behind, stream.known_head) == (True, 9)
    stream.forget_rumours()
    assert (stream.behind, stream.known_head) == (False, 3)
    truth: list[Encoded] = [(seq, [], b"true") for seq in range(4, 11)]
    for each in truth:
        stream.take_event(each)
    stream.flush()
    assert alice.heard == [4, 5, 6, 7, 8, 9, 10]
    assert b"another life" not in alice.wire.said


def test_doorbells_reach_those_who_are_there_and_nobody_else(dialect: Dialect) -> None:
    stream = new_stream("user.1")
    alice, joiner = follow(stream, 0, dialect), Socket(dialect)
    stream.join(joiner)
    stream.take_doorbell(b"{}")
    stream.flush()
    assert alice.said == ["bell"]
    assert stream.go_live(joiner, 0)
    stream.take_doorbell(b"{}")
    stream.flush()
    assert alice.said == ["bell", "bell"]
    assert joiner.said == ["bell"]


def test_coming_and_going_is_told_to_those_who_asked(dialect: Dialect) -> None:
    stream = new_stream()
    alice, bob = Socket(dialect), Socket(dialect)
    for socket, watches in ((alice, True), (bob, False)):
        stream.join(socket)
        assert stream.go_live(socket, 0, watch_presence=watches)
    stream.take_presence("join", {"client": "x"})
    stream.forget(alice)
    stream.take_presence("leave", {"client": "x"})
    assert alice.said == ["join"]
    assert bob.said == []


def test_the_last_to_leave_says_so(dialect: Dialect) -> None:
    deserted: list[Stream] = []
    stream = new_stream(on_deserted=deserted.append)
    alice, joiner = follow(stream, 0, dialect), Socket(dialect)
    stream.join(joiner)
    stream.forget(alice)
    assert not deserted
    stream.forget(joiner)
    assert deserted == [stream]
