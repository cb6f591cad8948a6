"""Rooms and their members, read marks and typing."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from messaging import events, limits, log
from messaging.access import access_to
from messaging.bell import bell
from messaging.errors import Conflict, Forbidden, NotFound
from messaging.idempotency import request_digest, require_same
from messaging.log import ChatLog
from messaging.models import Chat, Interval, Member, User
from messaging.queries import chats as chat_queries
from messaging.queries.users import nobody_named, person_named
from messaging.shapes import person


def create_room(
    *,
    user: User,
    name: str = "",
    link_open: bool = True,
    history_open: bool = True,
    client_id: str | None = None,
) -> Chat:
    """A room that `user` owns. A repeat of the same `client_id` returns the first one."""
    limits.spend("create", user.pk, per_minute=settings.POSTS_PER_MINUTE)
    body = (name, str(link_open), str(history_open))
    with transaction.atomic(durable=True):
        User.objects.select_for_update(no_key=True).get(
            pk=user.pk
        )  # two requests with one key: one after the other
        if client_id is not None and (
            made := Chat.objects.filter(created_by=user, client_id=client_id).first()
        ):
            require_same(made.request_digest, *body)
            return made
        chat = Chat(
            kind=Chat.Kind.ROOM,
            name=name,
            link_open=link_open,
            history_open=history_open,
            created_by=user,
            client_id=client_id,
            request_digest=request_digest(*body) if client_id is not None else "",
        )
        with log.creating(chat) as chat_log:
            admit(chat_log, user, by=user, role=Member.Role.OWNER)
    return chat


def add_member(*, user: User, chat: str, username: str | None = None) -> tuple[Chat, User, bool]:
    """Joins a room by its link (no username, or one's own), or invites somebody: the chat, who, and whether they are
    new in it.

    Members may invite while the link is open. The owner may always, also people who were removed.
    """
    newcomer = (
        user
        if username is None or username.casefold() == user.username.casefold()
        else person_named(username)
    )
    with log.writing(chat) as chat_log:
        row = chat_log.chat
        access = access_to(row, user)
        if row.kind != Chat.Kind.ROOM:
            access.require_read()
            raise Conflict("Only rooms can be joined.", code="not_a_room")
        place = Member.objects.filter(chat=row, user=newcomer).first()
        if place is not None and place.from_seq is not None:
            return row, newcomer, False
        barred = place is not None and place.barred
        if newcomer == user:
            if not row.link_open or barred:
                raise NotFound("There is no such chat.")
        else:
            access.require_write()
            if barred or not row.link_open:
                access.require_manage()
        owned = Member.objects.filter(chat=row, from_seq__isnull=False, role=Member.Role.OWNER).exists()
        admit(chat_log, newcomer, by=user, role=Member.Role.MEMBER if owned else Member.Role.OWNER)
    return row, newcomer, True


def admit(chat_log: ChatLog, user: User, *, by: User, role: Member.Role) -> None:
    """Begins a stay. A newcomer sees what was before, if the room says so; nobody sees their own absence.

    Raises `NotFound` for somebody whose account has been deleted since they were looked up.
    """
    chat = chat_log.chat
    # This locks their row. `delete_account` looks once more for what they are in when they are gone: either it finds this
    # stay, or they are found gone here.
    _list_changed([user])
    if User.objects.filter(pk=user.pk, deleted_at__isnull=False).exists():
        raise nobody_named()
    place, is_new = Member.objects.get_or_create(chat=chat, user=user)
    place.from_seq = 1 if is_new and chat.history_open else chat_log.next_seq
    place.role = role
    place.joined_at = chat_log.now
    place.barred = False
    place.read_number = chat.message_count
    place.save()
    chat_log.append(events.MemberJoined, user=person(user), role=role.value, by=by.pk)


def leave_room(*, user: User, chat: str) -> Chat:
    """Ends one's stay. A room whose owner leaves belongs to the member who has been there longest."""
    with log.writing(chat) as chat_log:
        access = access_to(chat_log.chat, user)
        access.require_read()
        if chat_log.chat.kind != Chat.Kind.ROOM or access.member is None:
            raise Conflict("Only rooms can be left.", code="not_a_room")
        depart(chat_log, access.member, user)
    return chat_log.chat


def depart(chat_log: ChatLog, place: Member, user: User) -> None:
    """Ends the stay of a room's member who goes of themselves."""
    end_stay(chat_log, place, events.MemberLeft, user=person(user))
    if place.role == Member.Role.OWNER:
        _promote_longest_standing(chat_log)


def remove_member(*, user: User, chat: str, username: str) -> User:
    """Ends somebody's stay; they come back by invitation of the owner only."""
    with log.writing(chat) as chat_log:
        access_to(chat_log.chat, user).require_manage()
        place = (
            Member.objects.filter(chat=chat_log.chat, user__username__iexact=username, from_seq__isnull=False)
            .select_related("user")
            .first()
        )
        if place is None:
            raise NotFound("There is no such member.", code="no_such_member")
        if place.user_id == user.pk:
            raise Conflict("To leave a room, leave it.", code="own_removal")
        end_stay(chat_log, place, events.MemberRemoved, barred=True, user=person(place.user), by=user.pk)
    return place.user


def end_stay(
    chat_log: ChatLog, place: Member, kind: type[events.Event], *, barred: bool = False, **fields: Any
) -> None:
    """The member's last event is the one that says that they have gone."""
    assert place.from_seq is not None
    event = chat_log.append(kind, ends=[place.user_id], **fields)
    Interval.objects.create(member=place, from_seq=place.from_seq, to_seq=event.seq + 1)
    place.from_seq = None
    place.barred = barred
    place.save()
    _list_changed([place.user])


def _promote_longest_standing(chat_log: ChatLog) -> None:
    heir = (
        Member.objects.filter(
            chat=chat_log.chat, from_seq__isnull=False, user__is_active=True, user__is_bot=False
        )
        .select_related("user")
        .order_by("joined_at", "pk")
        .first()
    )
    if heir is not None:
        heir.role = Member.Role.OWNER
        heir.save(update_fields=["role"])
        chat_log.append(events.MemberPromoted, user=person(heir.user))


def change_room(*, user: User, chat: str, name: str | None = None, link_open: bool | None = None) -> Chat:
    """Renames a room, or switches joining by link; only the owner may. None leaves a thing as it is."""
    with log.writing(chat) as chat_log:
        access_to(chat_log.chat, user).require_manage()
        row = chat_log.chat
        wanted = (row.name if name is None else name, row.link_open if link_open is None else link_open)
        if wanted != (row.name, row.link_open):
            row.name, row.link_open = wanted
            row.save(update_fields=["name", "link_open"])
            chat_log.append(events.ChatChanged, name=row.name, link_open=row.link_open, by=user.pk)
    return row


def mark_read(*, user: User, chat: str, number: int) -> int:
    """Everything up to `number` is read; returns how far that is now. Only rises, locks nothing, is no event."""
    access = chat_queries.readable(chat, user)
    number = min(number, access.chat.message_count)
    if access.chat.kind == Chat.Kind.CONTACT:
        return number  # operators watch in turns; nobody is a member there
    if access.member is None:
        Member.objects.get_or_create(
            chat=access.chat, user=user, defaults={"from_seq": 1, "read_number": number}
        )
        return number
    risen = Member.objects.filter(pk=access.member.pk, read_number__lt=number).update(read_number=number)
    if not risen:
        return max(access.member.read_number, number)
    if chat_queries.tells_read_marks(access.chat):
        bell.ring_read(access.chat.stream, user.pk, number)
    return number


def announce_typing(*, user: User, chat: str) -> None:
    """Tells the chat's followers, if they happen to listen, that the user is writing."""
    access = chat_queries.access_to_uri(chat, user)
    access.require_write()
    if access.chat.kind == Chat.Kind.FEED:
        raise Forbidden("Nobody is told who writes in the feed.", code="not_in_the_feed")
    limits.spend("typing", user.pk, per_minute=120)
    doorbell = events.TypingDoorbell(chat=chat, user_id=user.pk, username=user.username)
    bell.ring_doorbell(access.chat.stream, doorbell.model_dump_json().encode())


def _list_changed(users: Iterable[User]) -> None:
    """Raises the users' list versions, in the order of their ids, and rings for each once that is committed."""
    for user in sorted(users, key=lambda user: user.pk):
        User.objects.filter(pk=user.pk).update(list_version=F("list_version") + 1)
        version = User.objects.values_list("list_version", flat=True).get(pk=user.pk)
        doorbell = events.ChatsDoorbell(list_version=version).model_dump_json().encode()
        transaction.on_commit(partial(bell.ring_doorbell, f"user.{user.pk}", doorbell))
