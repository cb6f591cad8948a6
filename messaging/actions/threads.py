"""Opening and closing threads, one active at a time where threads are exclusive."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from messaging import events, limits, log
from messaging.access import access_to
from messaging.actions.chats import admit
from messaging.actions.contacts import meet_on_the_web
from messaging.errors import Conflict, Invalid
from messaging.models import Chat, Member, ThreadSlot, User
from messaging.queries.users import exclusive_threads_of, person_named


def open_thread(*, user: User, username: str) -> tuple[Chat, bool]:
    """The active thread with that person, and whether it is new.

    Raises `Conflict`: `thread_active` (with the uri) if the user is in another one, `person_busy` if the other is,
    `thread_cooling` if the other has closed the last one less than `THREAD_REOPEN_AFTER_S` ago.
    """
    other = person_named(username)
    if other.pk == user.pk:
        raise Invalid("A thread needs somebody else.", code="thread_with_oneself")
    limits.spend("create", user.pk, per_minute=settings.POSTS_PER_MINUTE)
    both = sorted((user, other), key=lambda person: person.pk)
    pair = ":".join(str(person.pk) for person in both)
    try:
        with transaction.atomic(durable=True):
            # The locks of both people make this the only opening that concerns either of them.
            list(
                User.objects.select_for_update(no_key=True)
                .filter(pk__in=[each.pk for each in both])
                .order_by("pk")
            )
            standing = Chat.objects.filter(kind=Chat.Kind.THREAD, pair=pair, state=Chat.State.ACTIVE).first()
            if standing is not None:
                return standing, False
            _check_cooled_down(pair, other)
            exclusive = settings.EXCLUSIVE_THREADS and not (user.is_bot or other.is_bot)
            if exclusive:
                _check_free(user, other)
            bot = next((each for each in both if each.bot_name), None)
            chat = Chat(kind=Chat.Kind.THREAD, pair=pair, created_by=user, bot=bot)
            with log.creating(chat) as chat_log:
                for each in both:
                    admit(chat_log, each, by=user, role=Member.Role.MEMBER)
            if bot is not None:
                meet_on_the_web(user=next(each for each in both if each is not bot), bot=bot, chat=chat)
            if exclusive:
                ThreadSlot.objects.bulk_create(ThreadSlot(user=each, chat=chat) for each in both)
    except IntegrityError:
        # The database's own word, should anything have got past the locks.
        if not ThreadSlot.objects.filter(user__in=both).exists():
            raise
        raise Conflict("One of you is in another thread.", code="person_busy") from None
    return chat, True


def _check_cooled_down(pair: str, other: User) -> None:
    last = Chat.objects.filter(pair=pair, state=Chat.State.CLOSED).order_by("-closed_at").first()
    if last is None or last.closed_at is None or last.closed_by_id != other.pk:
        return
    left = last.closed_at + timedelta(seconds=settings.THREAD_REOPEN_AFTER_S) - timezone.now()
    if left > timedelta(0):
        seconds = int(left.total_seconds()) + 1
        raise Conflict(
            "They have closed your last thread a short while ago.",
            code="thread_cooling",
            retry_after_s=seconds,
        )


def _check_free(user: User, other: User) -> None:
    own = exclusive_threads_of([user]).first()
    if own is not None:
        raise Conflict("You are in another thread: close it first.", code="thread_active", uri=own.uri)
    if exclusive_threads_of([other]).exists():
        raise Conflict("They are in another thread at the moment.", code="person_busy")


def close_thread(*, user: User, chat: str) -> Chat:
    """The closed thread: readable by its two people for ever, written to by nobody. Either may close it."""
    with log.writing(chat) as chat_log:
        row = chat_log.chat
        access_to(row, user).require_read()
        if row.kind != Chat.Kind.THREAD:
            raise Conflict("Only threads can be closed.", code="not_a_thread")
        if row.state == Chat.State.ACTIVE:
            row.state = Chat.State.CLOSED
            row.closed_at = chat_log.now
            row.closed_by = user
            row.save(update_fields=["state", "closed_at", "closed_by"])
            chat_log.append(events.ChatClosed, by=user.pk, closed_at=chat_log.now)
            row.slots.all().delete()
    return row
