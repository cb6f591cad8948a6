"""Broadcasts: written as a draft with its recipients, confirmed once by its author, handed over one by one.

A recipient is handed over in one transaction: the message into the log of their chat, its delivery, and that it is done.
So whatever crashes, everybody gets it, and nobody twice but where a worker died between a platform's answer and our record
of it; the delivery counts those (`lost`).
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone

from messaging import log
from messaging.access import require_operator
from messaging.actions.answers import Saying, say
from messaging.actions.audit import note_deed
from messaging.actions.bots import enlist_bots
from messaging.actions.threads import open_thread
from messaging.content import AnyContent, content_of, extras_of, text_of
from messaging.errors import Conflict, Forbidden, NotFound, ParleyError
from messaging.models import WEB, Broadcast, Chat, Contact, Delivery, Recipient, Schedule, User
from messaging.queries.broadcasts import accounts_of_bot, why_not_to_write

# What is with the outbox is on its way even when the broadcast is paused: so that is little.
MAX_ON_THE_WAY = 100
DRAFT_DAYS = 7
BATCH = 1000

_EVERYBODY = """
    INSERT INTO messaging_recipient (broadcast_id, contact_id, state, code, reason, lost)
    SELECT %s, id, 'waiting', '', '', 0
    FROM (
        SELECT id, ROW_NUMBER() OVER (
            PARTITION BY COALESCE(user_id, -id)
            ORDER BY CASE WHEN unreachable_at IS NULL THEN 0 ELSE 1 END, heard_at DESC NULLS LAST, id
        ) AS place
        FROM messaging_contact
        WHERE banned_at IS NULL AND ({of_bot})
    ) AS ranked
    WHERE place = 1
    ORDER BY id
"""


def draft_broadcast(
    *,
    bot: str,
    content: AnyContent,
    author: User | None = None,
    author_contact: Contact | None = None,
    contacts: Collection[int] = (),
    users: Collection[int] = (),
) -> Broadcast:
    """A broadcast to these contacts and users, which nobody gets before its author has confirmed it."""
    with transaction.atomic():
        broadcast = _new(bot, content, author=author, author_contact=author_contact)
        for some in _batches(contacts):
            known = Contact.objects.filter(pk__in=some).order_by("pk").values_list("pk", flat=True)
            Recipient.objects.bulk_create(Recipient(broadcast=broadcast, contact_id=pk) for pk in known)
        for some in _batches(users):
            people = User.objects.filter(pk__in=some, is_active=True, is_bot=False).order_by("pk")
            Recipient.objects.bulk_create(Recipient(broadcast=broadcast, user=user) for user in people)
    return broadcast


def _batches(ids: Collection[int]) -> Iterator[list[int]]:
    every = sorted(set(ids))
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))


def draft_broadcast_to_everybody(
    *,
    bot: str,
    content: AnyContent,
    author: User | None = None,
    author_contact: Contact | None = None,
) -> Broadcast:
    """The same to everybody the bot knows. Whoever it knows on several platforms gets it on the one they used last."""
    with transaction.atomic():
        broadcast = _new(bot, content, author=author, author_contact=author_contact)
        _add_everybody(broadcast)
    return broadcast


def _new(
    bot: str, content: AnyContent, *, author: User | None = None, author_contact: Contact | None = None
) -> Broadcast:
    if not (author is not None and author.is_operator) and not (
        author_contact is not None and _is_operator(author_contact)
    ):
        raise Forbidden("Only operators may do that.", code="not_an_operator")
    return Broadcast.objects.create(
        bot=bot,
        text=text_of(content),
        extras=extras_of(content),
        author=author,
        author_contact=author_contact,
    )


def _add_everybody(broadcast: Broadcast) -> None:
    accounts = accounts_of_bot(broadcast.bot)
    if accounts:
        of_bot = " OR ".join(["(platform = %s AND account = %s)"] * len(accounts))
        with connection.cursor() as cursor:
            cursor.execute(
                _EVERYBODY.format(of_bot=of_bot),
                [broadcast.pk, *(part for each in accounts for part in each)],
            )


def broadcast_of_schedule(*, schedule: Schedule, due_at: datetime) -> Broadcast:
    """What a schedule says at one of its times, to everybody, confirmed: once, however often it is asked for."""
    with transaction.atomic():
        standing = Broadcast.objects.filter(schedule=schedule, due_at=due_at).first()
        if standing is not None:
            return standing
        broadcast = Broadcast.objects.create(
            bot=schedule.bot,
            text=schedule.text,
            state=Broadcast.State.RUNNING,
            schedule=schedule,
            due_at=due_at,
            confirmed_at=timezone.now(),
        )
        _add_everybody(broadcast)
    return broadcast


def confirm_broadcast(
    *, broadcast: int, user: User | None = None, contact: Contact | None = None
) -> Broadcast:
    """Sends it on its way. Only its author may, an operator still, and once: else `Forbidden` or `Conflict`."""
    with transaction.atomic():
        row = _draft_of(broadcast, user, contact)
        _move(row, {Broadcast.State.DRAFT}, Broadcast.State.RUNNING, confirmed_at=timezone.now())
        _note(user, contact, row, "Confirmed.")
    return row


def decline_broadcast(*, broadcast: int, user: User | None = None, contact: Contact | None = None) -> None:
    """Throws the draft away. Only its author may."""
    with transaction.atomic():
        row = _draft_of(broadcast, user, contact)
        _move(row, {Broadcast.State.DRAFT}, Broadcast.State.CANCELLED, finished_at=timezone.now())
        Recipient.objects.filter(broadcast=row).delete()
        _note(user, contact, row, "Declined.")


def _draft_of(broadcast: int, user: User | None, contact: Contact | None) -> Broadcast:
    row = Broadcast.objects.filter(pk=broadcast).first()
    if row is None:
        raise NotFound("There is no such broadcast.", code="no_such_broadcast")
    by_user = user is not None and row.author_id == user.pk and user.is_operator
    by_contact = contact is not None and row.author_contact_id == contact.pk and _is_operator(contact)
    if not (by_user or by_contact):
        raise Forbidden("Only whoever wrote it may decide that.", code="not_the_author")
    return row


def _is_operator(contact: Contact) -> bool:
    """Whoever has linked an operator's account is one."""
    return contact.user is not None and contact.user.is_operator


def pause_broadcast(*, operator: User, broadcast: int) -> Broadcast:
    """Hands over no more of it. At most `MAX_ON_THE_WAY` are with the outbox, and still arrive."""
    return _decide(operator, broadcast, {Broadcast.State.RUNNING}, Broadcast.State.PAUSED, "Paused.")


def resume_broadcast(*, operator: User, broadcast: int) -> Broadcast:
    return _decide(operator, broadcast, {Broadcast.State.PAUSED}, Broadcast.State.RUNNING, "Resumed.")


def cancel_broadcast(*, operator: User, broadcast: int) -> Broadcast:
    """For good: whoever has not got it will not."""
    states = {Broadcast.State.DRAFT, Broadcast.State.RUNNING, Broadcast.State.PAUSED}
    with transaction.atomic():
        cancelled, now = Broadcast.State.CANCELLED, timezone.now()
        row = _decide(operator, broadcast, states, cancelled, "Cancelled.", finished_at=now)
        Recipient.objects.filter(broadcast=row, state=Recipient.State.WAITING).update(
            state=Recipient.State.SKIPPED, code="cancelled", reason="The broadcast was cancelled."
        )
    return row


def _decide(
    operator: User,
    broadcast: int,
    states: set[Broadcast.State],
    to: Broadcast.State,
    what: str,
    **fields: datetime,
) -> Broadcast:
    require_operator(operator)
    with transaction.atomic():
        row = Broadcast.objects.filter(pk=broadcast).first()
        if row is None:
            raise NotFound("There is no such broadcast.", code="no_such_broadcast")
        _move(row, states, to, **fields)
        _note(operator, None, row, what)
    return row


def _note(user: User | None, contact: Contact | None, broadcast: Broadcast, what: str) -> None:
    operator = user if user is not None or contact is None else contact.user
    assert operator is not None, "Only operators decide about broadcasts."
    called = f"broadcast {broadcast.pk} of {broadcast.bot}"
    note_deed(operator=operator, to=broadcast, called=called, what=what)


def _move(row: Broadcast, states: set[Broadcast.State], to: Broadcast.State, **fields: datetime) -> None:
    if not Broadcast.objects.filter(pk=row.pk, state__in=states).update(state=to, **fields):
        row.refresh_from_db()
        raise Conflict(
            f"This broadcast is {row.get_state_display().lower()} already.", code=f"broadcast_{row.state}"
        )
    row.refresh_from_db()


def forget_drafts() -> int:
    """Throws away what nobody has decided about for `DRAFT_DAYS`."""
    old = timezone.now() - timedelta(days=DRAFT_DAYS)
    return Broadcast.objects.filter(state=Broadcast.State.DRAFT, created_at__lt=old).delete()[0]


# --- The worker's part ------------------------------------------------------------------------------------------------


def hand_over_broadcasts() -> int:
    """Hands over some of what is to be sent, and notes what has become of the rest. How many it handed over."""
    handed = Recipient.objects.filter(broadcast=OuterRef("pk"), state=Recipient.State.HANDED)
    stopped = Broadcast.objects.filter(state__in=[Broadcast.State.PAUSED, Broadcast.State.CANCELLED])
    for broadcast in stopped.filter(Exists(handed)):
        settle_broadcast(broadcast)
    running = Broadcast.objects.filter(state=Broadcast.State.RUNNING).order_by("pk")
    return sum(_go_on(broadcast) for broadcast in running)


def _go_on(broadcast: Broadcast) -> int:
    bot = enlist_bots([broadcast.bot])[broadcast.bot]
    recipients = Recipient.objects.filter(broadcast=broadcast)
    on_the_way = recipients.filter(
        state=Recipient.State.HANDED, delivery__state=Delivery.State.WAITING, delivery__attempts=0
    ).count()
    waiting = recipients.filter(state=Recipient.State.WAITING).select_related(
        "contact__chat", "contact__user", "user"
    )
    handed = 0
    for recipient in waiting.order_by("pk")[: max(0, MAX_ON_THE_WAY - on_the_way)]:
        try:
            handed += _hand_over(broadcast, bot, recipient)
        except ParleyError as error:
            # One recipient that cannot be reached must not keep it from the others.
            if error.permanent:
                _skip(recipient, error.code, error.sentence)
    settle_broadcast(broadcast)
    return handed


def _hand_over(broadcast: Broadcast, bot: User, recipient: Recipient) -> bool:
    contact = recipient.contact or _contact_of_user(bot, recipient.user)
    with log.writing(contact.chat.uri) as chat_log:
        contact.refresh_from_db(fields=["banned_at", "unreachable_at", "heard_at"])
        if (refusal := why_not_to_write(contact, chat_log.now)) is not None:
            return _skip(recipient, *refusal)
        if chat_log.chat.state == Chat.State.CLOSED:
            return _skip(recipient, "thread_closed", "They have closed the thread.")
        mine = Recipient.objects.filter(
            pk=recipient.pk, state=Recipient.State.WAITING, broadcast__state=Broadcast.State.RUNNING
        )
        on_web = contact.platform == WEB
        if not mine.update(
            state=Recipient.State.SENT if on_web else Recipient.State.HANDED, handed_at=chat_log.now
        ):
            return False  # another worker was quicker, or it was paused
        content = content_of(broadcast.text, broadcast.extras)
        message = say(chat_log, contact, [Saying(content, bot, f"broadcast:{broadcast.pk}")])[0]
        delivery = Delivery.objects.filter(message=message).first()
        Recipient.objects.filter(pk=recipient.pk).update(message=message, delivery=delivery)
    return True


def _contact_of_user(bot: User, user: User | None) -> Contact:
    """The user as a contact of the bot, in the thread of the two, which is opened if there is none."""
    assert user is not None
    met = Contact.objects.select_related("chat", "user").filter(
        platform=WEB, account=bot.bot_name, external_id=str(user.pk)
    )
    contact = met.filter(chat__state=Chat.State.ACTIVE).first()
    if contact is None:
        open_thread(user=bot, username=user.username)
        contact = met.get()
    return contact


def _skip(recipient: Recipient, code: str, reason: str) -> bool:
    Recipient.objects.filter(pk=recipient.pk, state=Recipient.State.WAITING).update(
        state=Recipient.State.SKIPPED, code=code[:40], reason=reason[:300]
    )
    return False


def settle_broadcast(broadcast: Broadcast) -> None:
    """Notes of those that were handed over what became of their deliveries; and when all is done, that it is."""
    handed = Recipient.objects.filter(broadcast=broadcast, state=Recipient.State.HANDED)
    delivery = Delivery.objects.filter(pk=OuterRef("delivery"))
    for states, outcome in (
        (["sent", "delivered", "read"], Recipient.State.SENT),
        (["failed"], Recipient.State.FAILED),
        (["skipped"], Recipient.State.SKIPPED),
    ):
        handed.filter(delivery__state__in=states).update(
            state=outcome,
            code=Subquery(delivery.values("code")),
            reason=Subquery(delivery.values("reason")),
            lost=Subquery(delivery.values("lost")),
        )
    # A clean-up may have taken the delivery, which only ever takes what has been sent long ago.
    handed.filter(delivery__isnull=True).update(state=Recipient.State.SENT)
    unfinished = Recipient.objects.filter(
        broadcast=OuterRef("pk"), state__in=[Recipient.State.WAITING, Recipient.State.HANDED]
    )
    Broadcast.objects.filter(~Exists(unfinished), pk=broadcast.pk, state=Broadcast.State.RUNNING).update(
        state=Broadcast.State.DONE, finished_at=timezone.now()
    )
