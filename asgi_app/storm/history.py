"""What writers and readers of one chat did and saw, and whether that kept the promise: a history and its checker.

The promise: what was acknowledged with a sequence number is in the log, once, at that number; nothing is there that
nobody sent; everybody sees the same log, each event once, in order, from where they began; and nobody else sees any of
it. `check` compares a history with the log as the database has it in the end, and names every breach.

Moments are counted, not measured: whoever records does so on one thread, a post before it is sent, an answer or a sight
after it has come.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from messaging.queries.events import MAX_REPLAYED
from messaging.queries.whole_log import Log, LogEvent

How = Literal["live", "replay"]


class Kind(Enum):
    """The ways to break the promise."""

    LOST = "acknowledged, and not in the log"
    MOVED = "acknowledged elsewhere than it is in the log"
    TWICE = "more than once in the log"
    CHANGED = "in the log with other words, or under another name"
    UNSENT = "in the log, and nobody sent it"
    UNREFUSED = "refused, and yet in the log"
    HOLE = "the log's numbers are not 1, 2, 3 …"
    TORN = "an event and its message do not belong together"
    COMMIT_ORDER = "was begun after a later one could be known"
    MISSED = "a reader never saw it"
    REPEATED = "a reader saw it again"
    DISORDER = "a reader saw it after a later one"
    PHANTOM = "a reader saw what is not in the log"
    STALE = "a fresh read did not have it"
    NEEDLESS = "a reader was told to start over from a position that could be recovered"
    LEAKED = "an outsider was told of it"
    ODD = "somebody got an answer that nothing here should give"


@dataclass(frozen=True)
class Violation:
    kind: Kind
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.who}: {self.what} ({self.kind.value})"


# What was done and seen


@dataclass(frozen=True)
class Place:
    """Where an answer says that a message is."""

    seq: int
    number: int


@dataclass
class Post:
    """One message that somebody wants in the chat, and every answer there was to it."""

    author: int
    client_id: str
    text: str
    sent_at: int
    places: list[Place] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    unknown: int = 0
    """How often nobody could say what had become of it: then it was sent again, under the same `client_id`."""


@dataclass(frozen=True)
class Began:
    """A subscription from `seq` on. `asked`: it was to go on from there, and the answer was to start over."""

    epoch: str
    seq: int
    asked: int | None = None


@dataclass(frozen=True)
class Saw:
    """One event, by push or in the reply to a recovery."""

    epoch: str
    seq: int
    type: str
    text: str
    how: How


@dataclass(frozen=True)
class Read:
    """A fresh read of all messages, by number, begun at the moment `begun_at`; `seq` is the position it came with."""

    epoch: str
    seq: int
    texts: dict[int, str]
    begun_at: int


@dataclass
class Reader:
    """What one reader saw, in order."""

    name: str
    steps: list[Began | Saw | Read] = field(default_factory=list)
    position: int = 0


@dataclass(frozen=True)
class _Moment:
    """Something became knowable (`shown` is its seq), or a post was begun."""

    at: int
    shown: int = 0
    begun: Post | None = None


class History:
    """The record of one run against one chat."""

    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}
        self.readers: dict[str, Reader] = {}
        self.oddities: list[Violation] = []
        self.moments: list[_Moment] = []
        self._clock = itertools.count(1)

    def now(self) -> int:
        return next(self._clock)

    # Writers

    def sends(self, *, author: int, client_id: str, text: str) -> Post:
        """Before it is sent for the first time."""
        assert client_id not in self.posts, "a repeat is not a new post"
        post = self.posts[client_id] = Post(author, client_id, text, self.now())
        self.moments.append(_Moment(post.sent_at, begun=post))
        return post

    def acknowledged(self, post: Post, *, seq: int, number: int) -> None:
        post.places.append(Place(seq, number))
        self.shown(seq)

    def unknown(self, post: Post) -> None:
        post.unknown += 1

    def refused(self, post: Post, why: str) -> None:
        post.refusals.append(why)

    # Readers

    def reader(self, name: str) -> Reader:
        assert name not in self.readers, f"there is a reader {name} already"
        reader = self.readers[name] = Reader(name)
        return reader

    def began(self, reader: Reader, *, epoch: str, seq: int) -> None:
        """The first subscription, from the log's head."""
        reader.steps.append(Began(epoch, seq))
        reader.position = seq

    def started_over(self, reader: Reader, *, epoch: str, seq: int) -> None:
        """A later one, which was not recovered: a fresh read follows."""
        reader.steps.append(Began(epoch, seq, asked=reader.position))
        reader.position = seq

    def saw(self, reader: Reader, *, epoch: str, seq: int, type: str, text: str, how: How) -> None:  # noqa: A002
        reader.steps.append(Saw(epoch, seq, type, text, how))
        reader.position = max(reader.position, seq)
        self.shown(seq)

    def read(self, reader: Reader, *, epoch: str, seq: int, texts: dict[int, str], begun_at: int) -> None:
        reader.steps.append(Read(epoch, seq, texts, begun_at))
        self.shown(seq)

    # Others

    def shown(self, seq: int) -> None:
        """Some answer told that the log is at least that long."""
        self.moments.append(_Moment(self.now(), shown=seq))

    def leaked(self, who: str, what: str) -> None:
        self.oddities.append(Violation(Kind.LEAKED, who, what))

    def odd(self, who: str, what: str) -> None:
        self.oddities.append(Violation(Kind.ODD, who, what))

    # What a run was like

    def sights(self, how: How) -> int:
        steps = itertools.chain.from_iterable(reader.steps for reader in self.readers.values())
        return sum(isinstance(step, Saw) and step.how == how for step in steps)

    def starts_over(self) -> int:
        steps = itertools.chain.from_iterable(reader.steps for reader in self.readers.values())
        return sum(isinstance(step, Began) and step.asked is not None for step in steps)

    def unknown_outcomes(self) -> int:
        return sum(post.unknown for post in self.posts.values())


POSTED = "message.posted"


def check(history: History, log: Log) -> list[Violation]:
    """Every way in which the history and the log break the promise; none: it was kept."""
    return [
        *check_log(history, log),
        *(each for reader in history.readers.values() for each in _check_reader(reader, history, log)),
        *history.oddities,
    ]


def assert_kept(history: History, log: Log) -> None:
    """For tests: fails with the first violations, told one a line."""
    violations = check(history, log)
    assert violations == [], "\n".join(map(str, violations[:50]))


def check_log(history: History, log: Log) -> list[Violation]:
    """The part that holds at any moment, whatever readers have still to see."""
    return [
        *_check_numbers(log),
        *_check_pairs(log),
        *_check_origins(history, log),
        *_check_answers(history, log),
        *_check_commit_order(history, log),
    ]


def _check_numbers(log: Log) -> Iterator[Violation]:
    for what, numbers, last in (
        ("seq", [event.seq for event in log.events], log.last_seq),
        ("number", [message.number for message in log.messages], log.message_count),
    ):
        if sorted(numbers) != list(range(1, last + 1)):
            wrong = Counter(numbers)
            wrong.subtract(range(1, last + 1))
            off = sorted(number for number, count in wrong.items() if count)
            yield Violation(Kind.HOLE, "log", f"{what}s up to {last}: {_some(off)}")
    in_order = sorted(log.messages, key=lambda message: message.number)
    for one, other in itertools.pairwise(in_order):
        if one.seq >= other.seq:
            yield Violation(Kind.HOLE, "log", f"number {other.number} has seq {other.seq}, after {one.seq}")


def _check_pairs(log: Log) -> Iterator[Violation]:
    """Each message has the one event that posted it, at its seq and with its words, and the other way round."""
    posted: Counter[tuple[int, int | None, str]] = Counter(
        (event.seq, event.number, event.text) for event in log.events if event.type == POSTED
    )
    kept: Counter[tuple[int, int | None, str]] = Counter(
        (message.seq, message.number, message.text) for message in log.messages
    )
    for seq, number, _ in [*(posted - kept), *(kept - posted)]:
        yield Violation(Kind.TORN, "log", f"seq {seq}, number {number}")


def _check_origins(history: History, log: Log) -> Iterator[Violation]:
    times = Counter(message.client_id for message in log.messages)
    for message in log.messages:
        post = history.posts.get(message.client_id or "")
        where = f"seq {message.seq}, client_id {message.client_id}"
        if post is None:
            yield Violation(Kind.UNSENT, "log", where)
            continue
        if (post.author, post.text) != (message.author, message.text):
            yield Violation(Kind.CHANGED, "log", where)
        if times[message.client_id] > 1:
            yield Violation(Kind.TWICE, "log", where)
        if post.refusals and not (post.places or post.unknown):
            yield Violation(Kind.UNREFUSED, "log", f"{where}: {post.refusals[0]}")


def _check_answers(history: History, log: Log) -> Iterator[Violation]:
    kept: dict[str | None, set[Place]] = defaultdict(set)
    for message in log.messages:
        kept[message.client_id].add(Place(message.seq, message.number))
    for post in history.posts.values():
        for place in set(post.places):
            there = kept[post.client_id]
            if not there:
                yield Violation(Kind.LOST, post.client_id, f"acknowledged as {place}")
            elif place not in there:
                yield Violation(Kind.MOVED, post.client_id, f"acknowledged as {place}, is {there}")


def _check_commit_order(history: History, log: Log) -> Iterator[Violation]:
    """What was begun after an event could be known comes after that event."""
    seqs = {message.client_id: message.seq for message in log.messages}
    known = 0
    for moment in history.moments:
        known = max(known, moment.shown)
        if moment.begun is not None and seqs.get(moment.begun.client_id, known + 1) <= known:
            seq = seqs[moment.begun.client_id]
            yield Violation(
                Kind.COMMIT_ORDER, moment.begun.client_id, f"has seq {seq}, {known} was known before"
            )


def _check_reader(reader: Reader, history: History, log: Log) -> Iterator[Violation]:
    """All that comes after where it began, each event once, in order, as it is in the log, to the log's end."""
    view = _View(reader.name, {event.seq: event for event in log.events})
    for step in reader.steps:
        if step.epoch != log.epoch:
            yield Violation(Kind.PHANTOM, reader.name, f"{step} is of another epoch than {log.epoch}")
        match step:
            case Began():
                yield from view.begin(step)
            case Saw():
                yield from view.see(step)
            case Read():
                yield from _check_read(reader, step, history, log)
    yield from _check_fresh_starts(reader)
    if missed := sorted(set(range(1, log.last_seq + 1)) - view.covered):
        yield Violation(Kind.MISSED, reader.name, f"{len(missed)} of {log.last_seq}: {_some(missed)}")


class _View:
    """How far one reader is: what it has seen, and what is in the fresh reads that its beginnings call for."""

    def __init__(self, name: str, events: dict[int, LogEvent]) -> None:
        self.covered: set[int] = set()
        self._name = name
        self._events = events
        self._highest = 0

    def begin(self, step: Began) -> Iterator[Violation]:
        if step.seq < self._highest:
            yield Violation(Kind.DISORDER, self._name, f"began at {step.seq} after seq {self._highest}")
        if step.asked is not None and step.seq - step.asked <= MAX_REPLAYED:
            yield Violation(Kind.NEEDLESS, self._name, f"at {step.seq}, asked for {step.asked}")
        self.covered |= set(range(self._highest + 1, step.seq + 1))
        self._highest = max(self._highest, step.seq)

    def see(self, step: Saw) -> Iterator[Violation]:
        event = self._events.get(step.seq)
        if event is None or (event.type, event.text) != (step.type, step.text):
            yield Violation(Kind.PHANTOM, self._name, f"{step}, the log has {event}")
        if step.seq in self.covered:
            yield Violation(Kind.REPEATED, self._name, f"seq {step.seq} ({step.how})")
        elif step.seq < self._highest:
            yield Violation(Kind.DISORDER, self._name, f"seq {step.seq} after {self._highest} ({step.how})")
        self.covered.add(step.seq)
        self._highest = max(self._highest, step.seq)


def _check_read(reader: Reader, read: Read, history: History, log: Log) -> Iterator[Violation]:
    """It has all messages up to its position, and its position all that was known when it was begun."""
    known = max((moment.shown for moment in history.moments if moment.at < read.begun_at), default=0)
    if read.seq < known:
        yield Violation(Kind.STALE, reader.name, f"was of seq {read.seq}, {known} was known before")
    messages = {message.number: message for message in log.messages}
    absent = [each.seq for each in log.messages if each.seq <= read.seq and each.number not in read.texts]
    if absent:
        yield Violation(
            Kind.STALE, reader.name, f"of seq {read.seq}, {len(absent)} absent: {_some(sorted(absent))}"
        )
    for number, text in read.texts.items():
        if number not in messages or messages[number].text != text:
            yield Violation(Kind.PHANTOM, reader.name, f"read number {number} as {text!r}")


def _check_fresh_starts(reader: Reader) -> Iterator[Violation]:
    """Whoever begins somewhere reads what was before it."""
    for at, step in enumerate(reader.steps):
        if not isinstance(step, Began):
            continue
        later = reader.steps[at + 1 :]
        if not any(isinstance(each, Read) and each.seq >= step.seq for each in later):
            yield Violation(Kind.MISSED, reader.name, f"began at {step.seq} and never read what was before")


def _some(numbers: Iterable[int]) -> str:
    """The first few, for a sentence."""
    numbers = list(numbers)
    return ", ".join(map(str, numbers[:10])) + (" …" if len(numbers) > 10 else "")
