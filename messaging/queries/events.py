"""Events of a chat's log: to page through, to replay, and to repair a hub's gap."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from messaging import shapes
from messaging.access import Access, accesses_to
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
    """A stream that a client wants to follow, from a position or (None) from its head."""

    uri: str
    epoch: str = ""
    seq: int | None = None


@dataclass(frozen=True)
class Opened:
    """A stream as it stood when it was opened. `replay` is None when the client must start over, or when there was
    enough to hold already (`is_postponed`): then it is to be opened again.
    """

    uri: str
    kind: str
    epoch: str
    head: int
    replay: list[Encoded] | None
    read_marks: dict[int, int]
    is_postponed: bool = False


@dataclass(frozen=True)
class Tail:
    """The last events of a log, in order, and where it stood."""

    epoch: str
    head: int
    events: list[Encoded]


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


def open_streams(user: User | None, wanted: list[Wanted]) -> dict[str, Opened]:
    """Those of the wanted streams that the user may follow, with what they missed. Streams that are unknown and
    streams that are not theirs are both absent.

    The heads are read before the access: somebody removed in between is refused; somebody who came in between begins
    with their own coming, not with what was said before it.
    """
    chats = list(Chat.objects.filter(uri__in=[each.uri for each in wanted]))
    accesses = accesses_to(chats, user)
    epoch = positions.epoch()
    by_uri = {chat.uri: chat for chat in chats if accesses[chat.pk].reads}
    marks = read_marks(list(by_uri.values()))
    opened: dict[str, Opened] = {}
    held_bytes = 0
    for each in wanted:
        if (chat := by_uri.get(each.uri)) is None:
            continue
        access = accesses[chat.pk]
        is_postponed = held_bytes > MAX_OPENED_BYTES
        replay = None if is_postponed else _replay(access, each, epoch)
        held_bytes += _bytes_of(replay or ())
        opened[each.uri] = Opened(
            uri=each.uri,
            kind=chat.kind,
            epoch=epoch,
            head=max(chat.last_seq, access.stays[-1][0] - 1),
            replay=replay,
            read_marks=marks[chat.pk],
            is_postponed=is_postponed,
        )
    return opened


def tail(uri: str, *, limit: int = MAX_REPLAYED) -> Tail:
    """The end of a log, as much as a replay may have, whoever asks: for chats that everybody may read."""
    chat = Chat.objects.get(uri=uri)
    epoch = positions.epoch()
    events: list[Encoded] = []
    begin = max(chat.pruned_seq, chat.last_seq - limit)
    # One read, of which no more is fetched than is wanted.
    rows = Event.objects.filter(chat=chat, seq__gt=begin, seq__lte=chat.last_seq).order_by("-seq")
    latest_first = rows.iterator(chunk_size=READ_AT_ONCE)
    while _bytes_of(events) <= MAX_REPLAY_BYTES and (some := list(islice(latest_first, READ_AT_ONCE))):
        events = shapes.encoded_events(chat, reversed(some)) + events
    return Tail(epoch=epoch, head=chat.last_seq, events=events)


def _replay(access: Access, wanted: Wanted, epoch: str) -> list[Encoded] | None:
    """What came after the client's position, or None if it cannot be told completely."""
    chat = access.chat
    if wanted.seq is None:
        return []
    if wanted.epoch != epoch or not chat.pruned_seq <= wanted.seq <= chat.last_seq:
        return None
    if not access.recovers_from(wanted.seq):
        return None
    if wanted.seq == chat.last_seq:
        return []
    if chat.last_seq - wanted.seq > MAX_REPLAYED:
        return None
    replay: list[Encoded] = []
    # So much at a time, that a thousand long messages are not read only to be thrown away.
    for after in range(wanted.seq, chat.last_seq, READ_AT_ONCE):
        replay += events_between(chat, after, min(after + READ_AT_ONCE, chat.last_seq))
        if _bytes_of(replay) > MAX_REPLAY_BYTES:
            return None
    return replay if len(replay) == chat.last_seq - wanted.seq else None


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
