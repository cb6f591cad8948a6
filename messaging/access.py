"""Who may read, write and manage a chat. The only place that knows; every door and the hub ask here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q

from messaging.errors import Conflict, Forbidden, NotFound, Unauthorized
from messaging.models import Chat, Member, User
from messaging.prepared import Prepared

_PRESENT = Prepared(
    lambda chat_ids, user_ids: (
        Member.objects.filter(chat__in=chat_ids)
        .filter(user__in=user_ids, from_seq__isnull=False)
        .select_related("user")
    )
)

Stay = tuple[int, int | None]
"""The events `[from_seq, to_seq)`; `None`: until now."""


@dataclass(frozen=True)
class Access:
    """What one user (None: anonymous) may do in one chat. `member` is their present place."""

    chat: Chat
    user: User | None
    member: Member | None
    reads: bool

    @cached_property
    def stays(self) -> tuple[Stay, ...]:
        """What they see of the log: past stays, and the present one."""
        if self.chat.kind == Chat.Kind.FEED or (self.chat.kind == Chat.Kind.CONTACT and self.reads):
            return ((1, None),)
        if self.member is None or self.member.from_seq is None:
            return ()
        past = tuple((stay.from_seq, stay.to_seq) for stay in self.member.intervals.all())
        return (*past, (self.member.from_seq, None))

    @cached_property
    def may_join(self) -> bool:
        """Whether the link would let them in; then they may know the room's name, and nothing that was said."""
        return (
            self.chat.kind == Chat.Kind.ROOM
            and self.chat.link_open
            and self.user is not None
            and not Member.objects.filter(chat=self.chat, user=self.user, barred=True).exists()
        )

    @property
    def manages(self) -> bool:
        return (
            self.member is not None
            and self.member.role == Member.Role.OWNER
            and self.chat.kind == Chat.Kind.ROOM
        )

    def require_read(self) -> None:
        if not self.reads:
            if self.may_join:
                raise Forbidden("You are not a member of this room.", code="not_a_member")
            raise NotFound("There is no such chat.")

    def require_write(self) -> None:
        if self.user is None or not self.user.is_active:
            raise Unauthorized("Sign in to write.")
        self.require_read()
        if self.chat.state == Chat.State.CLOSED:
            raise Conflict("This thread is closed.", code="thread_closed")

    def require_manage(self) -> None:
        self.require_write()
        if not self.manages:
            raise Forbidden("Only the room's owner may do that.", code="not_the_owner")

    def sees(self, seq: int) -> bool:
        return any(start <= seq and (end is None or seq < end) for start, end in self.stays)

    def recovers_from(self, seq: int) -> bool:
        """Whether everything after `seq` is theirs to see: a replay must not jump over an absence."""
        return any(start <= seq + 1 and end is None for start, end in self.stays)

    def visible(self, field: str = "seq") -> Q:
        """The rows they may see, as a filter on their `seq`."""
        if not self.stays:
            return Q(pk__in=())
        allowed = Q()
        for start, end in self.stays:
            stay = Q(**{f"{field}__gte": start}) if start > 1 else Q()
            if end is not None:
                stay &= Q(**{f"{field}__lt": end})
            if not stay:
                return Q()
            allowed |= stay
        return allowed


def readable_by(user: User, chat: str = "") -> Q:
    """The rows of chats that the user may read now; `chat` is the field that leads to the chat, of chats none."""
    field = f"{chat}__" if chat else ""
    places = Member.objects.filter(user=user, from_seq__isnull=False).values("chat_id")
    return Q(**{f"{field}kind": Chat.Kind.FEED}) | Q(**{f"{field}pk__in": places})


def require_operator(user: User) -> None:
    if not user.is_operator:
        raise Forbidden("Only operators may do that.", code="not_an_operator")


def is_operator_now(user: User) -> bool:
    """As their rights are now, not as they were when `user` was loaded."""
    current = User.objects.filter(pk=user.pk, is_active=True).first()
    return current is not None and current.is_operator


def access_to(chat: Chat, user: User | None) -> Access:
    """The access of one user to one chat; at most two queries."""
    return accesses_to([chat], user)[chat.pk]


def accesses_to(chats: Iterable[Chat], user: User | None) -> dict[int, Access]:
    """The accesses of one user to many chats, by the chat's primary key; two queries for all."""
    chats = list(chats)
    if user is None:
        return {chat.pk: access_of_member(chat, None, None) for chat in chats}
    members = {
        member.chat_id: member
        for member in Member.objects.filter(user=user, chat__in=chats, from_seq__isnull=False)
        .select_related("user")
        .prefetch_related("intervals")
    }
    return {chat.pk: access_of_member(chat, user, members.get(chat.pk)) for chat in chats}


def members_of_pairs(pairs: Iterable[tuple[Chat, User]]) -> dict[tuple[int, int], Member]:
    """The present members among these, with their accounts, by the ids of chat and user; one query."""
    pairs = list(pairs)
    rows = _PRESENT.rows({chat.pk for chat, _ in pairs}, {user.pk for _, user in pairs})
    return {(row.chat_id, row.user_id): row for row in rows}


def access_of_member(
    chat: Chat,
    user: User | None,
    member: Member | None,
    is_operator: Callable[[User], bool] = is_operator_now,
) -> Access:
    """The access of a user whose present place in the chat, if any, is known, with their account. For many chats
    `is_operator` may remember whom it was asked about.

    Whoever has a live connection stands before us as they were when they came: the place knows them as they are.
    """
    if member is not None:
        user = member.user
    if chat.kind == Chat.Kind.FEED:
        return Access(chat, user, member, reads=True)
    if chat.kind == Chat.Kind.CONTACT:
        return Access(chat, user, None, reads=user is not None and is_operator(user))
    if user is None or member is None or member.from_seq is None:
        return Access(chat, user, None, reads=False)
    return Access(chat, user, member, reads=True)
