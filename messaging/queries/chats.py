"""Chats as their readers see them: the list, one chat, its members."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, Q, QuerySet

from messaging import shapes
from messaging.access import Access, access_to
from messaging.errors import Invalid, NotFound
from messaging.events import Message as MessageShape
from messaging.events import Moment, Person, Position, Shape
from messaging.models import Chat, Member, Message, User
from messaging.queries import positions

MAX_LISTED = 100
MAX_MEMBERS_SHOWN = 200
MAX_MARKS_CHAT = 200


class ChatSummary(Shape):
    """One line of the list of chats. `members` are a thread's two; a room's are under `/members/`."""

    uri: str
    kind: str
    name: str
    state: str
    role: str | None
    unread: int
    read_number: int
    message_count: int
    member_count: int
    members: list[Person]
    last_message: MessageShape | None
    link_open: bool
    created_at: Moment
    active_at: Moment
    closed_at: Moment | None
    closed_by: int | None
    position: Position


class ChatPage(Shape):
    """A page of the list of chats, most recently active first; `next` is the `before` of the page after it."""

    chats: list[ChatSummary]
    next: str | None


class RoomPreview(Shape):
    """What somebody with the link sees before joining: nothing that was said, and nobody who is there."""

    uri: str
    kind: str
    name: str
    member_count: int
    joined: bool = False


class MemberShape(Shape):
    """One member of a chat; `read_number` is how far they have read."""

    user: Person
    role: str
    read_number: int


class MemberPage(Shape):
    """The present members, owner first, then in the order they came; `next` is the `after` of the page after it.
    Who came or went after `position` is told by the chat's events.
    """

    members: list[MemberShape]
    next: int | None
    position: Position


def chat_with(uri: str) -> Chat:
    """Raises `NotFound`. Knowing a chat's row says nothing about being allowed to read it."""
    chat = Chat.objects.filter(uri=uri).first()
    if chat is None:
        raise NotFound("There is no such chat.")
    return chat


def access_to_uri(uri: str, user: User | None) -> Access:
    return access_to(chat_with(uri), user)


def readable(uri: str, user: User | None) -> Access:
    """The access to a chat that the user may read; raises `NotFound` or `Forbidden`."""
    access = access_to_uri(uri, user)
    access.require_read()
    return access


def chat_list(user: User, *, limit: int = 50, before: str = "") -> ChatPage:
    """The user's chats and the feed, most recently active first, beginning after the cursor `before`."""
    places = Member.objects.filter(user=user, from_seq__isnull=False).values("chat_id")
    feed = Chat.objects.filter(kind=Chat.Kind.FEED).values("pk")
    # A union, not an "or": the database finds either half by its index.
    chats = Chat.objects.filter(pk__in=places.union(feed)).order_by("-active_at", "-pk")
    if before:
        moment, pk = parse_cursor(before)
        chats = chats.filter(Q(active_at__lt=moment) | Q(active_at=moment, pk__lt=pk))
    limit = min(max(limit, 1), MAX_LISTED)
    rows = list(chats[: limit + 1])
    return ChatPage(
        chats=_summaries(rows[:limit], user),
        next=cursor_after(rows[limit - 1]) if len(rows) > limit else None,
    )


_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def cursor_after(chat: Chat) -> str:
    return f"{(chat.active_at - _BEGINNING) // timedelta(microseconds=1)}-{chat.pk}"


def parse_cursor(cursor: str) -> tuple[datetime, int]:
    parts = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", cursor)
    if parts is None:
        raise Invalid("`before` is not a cursor that the list has given.", code="invalid_cursor")
    return _BEGINNING + timedelta(microseconds=int(parts[1])), int(parts[2])


def chat_summary(access: Access) -> ChatSummary:
    """One chat for somebody who may read it."""
    access.require_read()
    return _summaries([access.chat], access.user)[0]


def room_preview(access: Access) -> RoomPreview:
    """Raises `NotFound` unless the link would let the user in."""
    if not access.may_join:
        raise NotFound("There is no such chat.")
    chat = access.chat
    return RoomPreview(
        uri=chat.uri, kind=chat.kind, name=chat.name, member_count=member_counts([chat])[chat.pk]
    )


def members_of(access: Access, *, after: int | None = None, limit: int = MAX_MEMBERS_SHOWN) -> MemberPage:
    """A page of the members, beginning after the user with the id `after`. The feed has readers, not members."""
    access.require_read()
    chat = access.chat
    position = positions.position_of(chat)
    limit = min(max(limit, 1), MAX_MEMBERS_SHOWN)
    rows = list(_members(chat, after)[: limit + 1]) if chat.kind != Chat.Kind.FEED else []
    return MemberPage(
        members=[
            MemberShape(user=shapes.person(row.user), role=row.role, read_number=row.read_number)
            for row in rows[:limit]
        ],
        next=rows[limit - 1].user_id if len(rows) > limit else None,
        position=position,
    )


def _members(chat: Chat, after: int | None) -> QuerySet[Member]:
    rows = Member.objects.filter(chat=chat, from_seq__isnull=False).select_related("user")
    if after is not None:
        # Where that member stands, even if they have left since.
        last = Member.objects.filter(chat=chat, user=after).first()
        if last is None:
            raise Invalid("`after` is not a member that the list has given.", code="invalid_cursor")
        rows = rows.exclude(role=Member.Role.OWNER)
        if last.role != Member.Role.OWNER:
            rows = rows.filter(pk__gt=last.pk)
    return rows.order_by("-role", "pk")


def read_marks(chats: Sequence[Chat]) -> dict[int, dict[int, int]]:
    """How far each member has read: by the chat's primary key, then by user id.

    None in the feed, and in chats of more than `MAX_MARKS_CHAT` members nobody is told of the others.
    """
    marks: dict[int, dict[int, int]] = {chat.pk: {} for chat in chats}
    sizes = member_counts([chat for chat in chats if chat.kind != Chat.Kind.FEED])
    small = [pk for pk, count in sizes.items() if count <= MAX_MARKS_CHAT]
    rows = Member.objects.filter(chat__in=small, from_seq__isnull=False)
    for chat_id, user_id, number in rows.order_by("pk").values_list("chat_id", "user_id", "read_number"):
        marks[chat_id][user_id] = number
    return marks


def tells_read_marks(chat: Chat) -> bool:
    """Whether its members are told how far the others have read."""
    if chat.kind == Chat.Kind.FEED:
        return False
    present = Member.objects.filter(chat=chat, from_seq__isnull=False)
    return present[: MAX_MARKS_CHAT + 1].count() <= MAX_MARKS_CHAT


def member_counts(chats: Sequence[Chat]) -> dict[int, int]:
    """How many are in each chat now. The feed has readers, not members: to count them is to count all accounts."""
    counted = [chat.pk for chat in chats if chat.kind != Chat.Kind.FEED]
    rows = Member.objects.filter(chat__in=counted, from_seq__isnull=False)
    counts = dict(rows.values("chat_id").annotate(n=Count("pk")).values_list("chat_id", "n"))
    return {chat.pk: counts.get(chat.pk, 0) for chat in chats}


def _summaries(chats: Sequence[Chat], user: User | None) -> list[ChatSummary]:
    """A fixed number of queries, however many chats. The chats' rows, and with them the positions, came first."""
    epoch = positions.epoch()
    ids = [chat.pk for chat in chats]
    places = (
        {member.chat_id: member for member in Member.objects.filter(chat__in=ids, user=user)} if user else {}
    )
    last = {
        row.chat_id: row
        for row in Message.objects.filter(chat__in=ids, number=F("chat__message_count")).select_related(
            "author", "contact"
        )
    }
    counts = member_counts(chats)
    pairs: dict[int, list[Person]] = {}
    threads = [chat.pk for chat in chats if chat.kind == Chat.Kind.THREAD]
    for member in Member.objects.filter(chat__in=threads).select_related("user").order_by("pk"):
        pairs.setdefault(member.chat_id, []).append(shapes.person(member.user))
    return [
        _summary(
            chat,
            places.get(chat.pk),
            last_message=last.get(chat.pk),
            member_count=counts[chat.pk],
            members=pairs.get(chat.pk, []),
            position=Position(epoch=epoch, seq=chat.last_seq),
        )
        for chat in chats
    ]


def _summary(
    chat: Chat,
    place: Member | None,
    *,
    last_message: Message | None,
    member_count: int,
    members: list[Person],
    position: Position,
) -> ChatSummary:
    read_number = place.read_number if place else chat.message_count
    unseen = (
        place is not None
        and place.from_seq is not None
        and last_message
        and last_message.seq < place.from_seq
    )
    return ChatSummary(
        uri=chat.uri,
        kind=chat.kind,
        name=chat.name,
        state=chat.state,
        role=place.role if place and chat.kind != Chat.Kind.FEED else None,
        unread=max(0, chat.message_count - read_number),
        read_number=read_number,
        message_count=chat.message_count,
        member_count=member_count,
        members=members,
        last_message=None if last_message is None or unseen else shapes.message(last_message),
        link_open=chat.link_open,
        created_at=chat.created_at,
        active_at=chat.active_at,
        closed_at=chat.closed_at,
        closed_by=chat.closed_by_id,
        position=position,
    )
