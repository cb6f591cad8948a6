"""Events of a chat's log: to page through, to replay, and to repair a hub's gap."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from django.db.models import prefetch_related_objects

from messaging import shapes
from messaging.access import Access, access_of_member, is_operator_now, members_of_pairs
from messaging.errors import Conflict
from messaging.models import Chat, Event, User
from messaging.queries import positions
from messaging.queries.chats import read_marks

MAX_REPLAYED = 1000
MAX_REPLAY_BYTES = 512 * 1024
READ_AT_ONCE = 200
# What is read for one connection before it has taken any of it: little, or one replay.
MAX_OPENED_BYTES = 64 * 1024
MAX_PAGE = 500
MAX_HISTORY = 100
FEED_KIND = Chat.Kind.FEED.value
CONTACT_KIND = Chat.Kind.CONTACT.value

Encoded = tuple[int, list[int], bytes]
"""`(seq, ends, the event as JSON)`."""


@dataclass(frozen=True)
class EventPage:
    """Events in order, as JSON, and where the log stood when the page was read."""

    events: list[Encoded]
    epoch: str
    seq: int
    has_newer: bool


@dataclass(frozen=True)
class Wanted:
    """A stream that a client wants to follow, from a position or (None) from its head; `defers`: whoever asks may have what
    was missed from elsewhere, so that it is not to be read.
    """

    uri: str
    epoch: str = ""
    seq: int | None = None
    defers: bool = False


@dataclass(frozen=True)
class Opening:
    """The streams that one client (None: anonymous) wants to follow."""

    user: User | None
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True)
class Opened:
    """A stream as it stood when it was opened. `replay` is None when the client must start over, when there was enough to
    hold already (`is_postponed`: then it is to be opened again), or when it was not to be read: it can be told, and is what
    came after `unread_since`.
    """

    uri: str
    kind: str
    epoch: str
    head: int
    replay: list[Encoded] | None
    read_marks: dict[int, int]
    is_postponed: bool = False
    unread_since: int | None = None


@dataclass(frozen=True)
class Tail:
    """The last events of a log, in order, and where it stood; `is_whole`: all that can be replayed, or as much as may be."""

    epoch: str
    head: int
    events: list[Encoded]
    is_whole: bool


def events_after(access: Access, seq: int, *, limit: int = MAX_PAGE) -> EventPage:
    """A page of everything that the user may see after `seq`. Raises `Conflict` for a position that this log cannot go
    on from: pruned, or from another log.
    """
    access.require_read()
    chat = access.chat
    epoch = positions.epoch()
    if seq > chat.last_seq:
        raise Conflict("The log does not go that far: read the chat afresh.", code="position_unknown")
    if seq < chat.pruned_seq:
        raise Conflict(
            "The events after that position are no longer kept: read the chat afresh.",
            code="position_pruned",
            pruned_seq=chat.pruned_seq,
        )
    limit = min(max(limit, 1), MAX_PAGE)
    rows = list(
        Event.objects.filter(access.visible(), chat=chat, seq__gt=seq, seq__lte=chat.last_seq).order_by(
            "seq"
        )[: limit + 1]
    )
    return EventPage(
        events=shapes.encoded_events(chat, rows[:limit]),
        epoch=epoch,
        seq=rows[limit - 1].seq if len(rows) > limit else chat.last_seq,
        has_newer=len(rows) > limit,
    )


def open_streams(user: User | None, wanted: Sequence[Wanted]) -> dict[str, Opened]:
    """Those of the wanted streams that the user may follow, with what they missed. Streams that are unknown and
    streams that are not theirs are both absent.
    """
    opening = Opening(user, tuple(wanted))
    return open_together([opening])[opening]


def open_together(openings: Collection[Opening]) -> dict[Opening, dict[str, Opened]]:
    """What `open_streams` says of each: what several have missed of a log is read once. Left out are those for whom more
    would be held than one may miss.

    The heads are read before the access: somebody removed in between is refused; somebody who came in between begins
    with their own coming, not with what was said before it.
    """
    accesses = _accesses_of(openings)
    epoch = positions.epoch()
    chats = {access.chat.pk: access.chat for theirs in accesses for access in theirs.values()}
    marks = read_marks(list(chats.values()))
    missed = _Missed()
    for opening, theirs in zip(openings, accesses, strict=True):
        for each in opening.wanted:
            access = theirs.get(each.uri)
            if access is not None and not _defers(access, each) and _is_recoverable(access, each, epoch):
                missed.want(access.chat, each.seq or 0)
    answers: dict[Opening, dict[str, Opened]] = {}
    for opening, theirs in zip(openings, accesses, strict=True):
        if missed.held_bytes > MAX_REPLAY_BYTES:
            break
        opened = answers[opening] = {}
        held_bytes = 0
        for each in opening.wanted:
            if (access := theirs.get(each.uri)) is None:
                continue
            is_unread = _defers(access, each) and _missed_something(access, each, epoch)
            is_postponed = held_bytes > MAX_OPENED_BYTES and not is_unread
            replay = None if is_postponed or is_unread else _replay(access, each, epoch, missed)
            held_bytes += _bytes_of(replay or ())
            opened[each.uri] = Opened(
                uri=each.uri,
                kind=access.chat.kind,
                epoch=epoch,
                head=max(access.chat.last_seq, access.stays[-1][0] - 1),
                replay=replay,
                read_marks=marks[access.chat.pk],
                is_postponed=is_postponed,
                unread_since=each.seq if is_unread else None,
            )
    return answers


def _accesses_of(openings: Collection[Opening]) -> list[dict[str, Access]]:
    """Of each opening, by uri: those that read."""
    uris = {each.uri for opening in openings for each in opening.wanted}
    chats = {chat.uri: chat for chat in Chat.objects.filter(uri__in=uris)}
    found = [
        (opening.user, [chat for each in opening.wanted if (chat := chats.get(each.uri)) is not None])
        for opening in openings
    ]
    members = members_of_pairs((chat, user) for user, theirs in found if user is not None for chat in theirs)
    prefetch_related_objects(list(members.values()), "intervals")
    is_operator = cache(is_operator_now)
    accesses = []
    for user, theirs in found:
        user_id = user.pk if user is not None else 0
        each = [access_of_member(chat, user, members.get((chat.pk, user_id)), is_operator) for chat in theirs]
        accesses.append({access.chat.uri: access for access in each if access.reads})
    return accesses


class _Missed:
    """The ends of logs, each read once from where the first begins who wants it."""

    def __init__(self) -> None:
        self.held_bytes = 0
        self._begins: dict[int, int] = {}
        self._ends: dict[int, list[Encoded]] = {}
        self._replays: dict[tuple[int, int], list[Encoded] | None] = {}

    def want(self, chat: Chat, seq: int) -> None:
        self._begins[chat.pk] = min(seq, self._begins.get(chat.pk, seq))

    def after(self, chat: Chat, seq: int) -> list[Encoded] | None:
        """All events after `seq`, which somebody wanted; None if that is more than a replay may be, or not all there."""
        if (chat.pk, seq) not in self._replays:
            if chat.pk not in self._ends:
                end = self._ends[chat.pk] = _end_of(chat, self._begins[chat.pk])
                self.held_bytes += _bytes_of(end)
            replay = [event for event in self._ends[chat.pk] if event[0] > seq]
            is_whole = len(replay) == chat.last_seq - seq and _bytes_of(replay) <= MAX_REPLAY_BYTES
            self._replays[chat.pk, seq] = replay if is_whole else None
        return self._replays[chat.pk, seq]


def tail(uri: str, after: int = 0) -> Tail:
    """The end of a log for the hub's memory: as much as a replay may have, or what came after `after` if that is less. It
    asks no access: who may see what is asked for each who comes.
    """
    chat = Chat.objects.get(uri=uri)
    epoch = positions.epoch()
    first = max(chat.pruned_seq, chat.last_seq - MAX_REPLAYED)
    events = _end_of(chat, max(first, after))
    return Tail(epoch=epoch, head=chat.last_seq, events=events, is_whole=after <= first)


def _end_of(chat: Chat, after: int) -> list[Encoded]:
    """The events after `after`, in order; of more than a replay may have only the last."""
    events: list[Encoded] = []
    # One read, of which no more is fetched than is wanted.
    rows = Event.objects.filter(chat=chat, seq__gt=after, seq__lte=chat.last_seq).order_by("-seq")
    is_long = chat.last_seq - after > READ_AT_ONCE
    latest_first = rows.iterator(chunk_size=READ_AT_ONCE) if is_long else iter(rows)
    while _bytes_of(events) <= MAX_REPLAY_BYTES and (some := list(islice(latest_first, READ_AT_ONCE))):
        events = shapes.encoded_events(chat, reversed(some)) + events
    return events


def _is_recoverable(access: Access, wanted: Wanted, epoch: str) -> bool:
    """Whether the log and their stay have what came after the client's position."""
    chat = access.chat
    return (
        wanted.seq is not None
        and wanted.epoch == epoch
        and chat.pruned_seq <= wanted.seq <= chat.last_seq
        and access.recovers_from(wanted.seq)
        and chat.last_seq - wanted.seq <= MAX_REPLAYED
    )


def _defers(access: Access, wanted: Wanted) -> bool:
    """Nobody tells the hubs of a contact's other name, so what they have missed of these chats is always read."""
    return wanted.defers and access.chat.kind != CONTACT_KIND


def _missed_something(access: Access, wanted: Wanted, epoch: str) -> bool:
    return _is_recoverable(access, wanted, epoch) and wanted.seq != access.chat.last_seq


def _replay(access: Access, wanted: Wanted, epoch: str, missed: _Missed) -> list[Encoded] | None:
    """What came after the client's position, or None if it cannot be told completely."""
    if wanted.seq is None:
        return []
    if not _is_recoverable(access, wanted, epoch):
        return None
    return missed.after(access.chat, wanted.seq) if wanted.seq < access.chat.last_seq else []


def _bytes_of(events: Iterable[Encoded]) -> int:
    return sum(len(encoded) for _, _, encoded in events)


def history(access: Access, *, limit: int, since: int | None, reverse: bool) -> EventPage:
    """Events as the socket's `history` asks: after `since` (exclusive), or before it if `reverse`; limit 0: none."""
    access.require_read()
    chat = access.chat
    epoch = positions.epoch()
    rows = Event.objects.filter(access.visible(), chat=chat, seq__lte=chat.last_seq)
    if since is not None:
        rows = rows.filter(seq__lt=since) if reverse else rows.filter(seq__gt=since)
    page = list(rows.order_by("-seq" if reverse else "seq")[: max(0, min(limit, MAX_HISTORY))])
    return EventPage(
        events=shapes.encoded_events(chat, page), epoch=epoch, seq=chat.last_seq, has_newer=False
    )


def events_between(chat: Chat, after: int, last: int) -> list[Encoded]:
    """The events `(after, last]` of a chat, in order, for the hub: it asks no access, the hub's followers were asked."""
    rows = Event.objects.filter(chat=chat, seq__gt=after, seq__lte=last).order_by("seq")
    return shapes.encoded_events(chat, rows)


def stream_after(uri: str, after: int, *, limit: int = MAX_REPLAYED) -> list[Encoded]:
    """The next events of a stream for the repair of a hub's gap, at most `limit` at a time."""
    chat = Chat.objects.filter(uri=uri).first()
    if chat is None:
        return []
    return events_between(chat, after, min(chat.last_seq, after + limit))
