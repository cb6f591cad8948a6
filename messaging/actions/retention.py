"""What the worker clears away, and which worker does it."""

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Max
from django.utils import timezone

from messaging import log
from messaging.actions.devices import prune_page_sessions
from messaging.models import Chat, Chore, Event, LoginFailure, Message, Ticket, Token

MAX_PRUNED_AT_ONCE = 5000


def claim_chore(name: str, every_s: float) -> bool:
    """Whether this process does the chore now: true for one of all that ask, once in `every_s` seconds."""
    now = timezone.now()
    due = now + timedelta(seconds=every_s)
    if Chore.objects.filter(name=name, due_at__lte=now).update(due_at=due):
        return True
    return Chore.objects.get_or_create(name=name, defaults={"due_at": due})[1]


def prune_events() -> int:
    """Forgets events older than `EVENT_RETENTION_DAYS`; messages stay. Returns how many went."""
    before = timezone.now() - timedelta(days=settings.EVENT_RETENTION_DAYS)
    old = Event.objects.filter(at__lt=before).order_by().values("chat__uri").annotate(last=Max("seq"))
    return sum(_prune_chat(row["chat__uri"], row["last"]) for row in old)


def _prune_chat(uri: str, last: int) -> int:
    gone = 0
    while True:
        with log.writing(uri) as chat_log:
            chat = chat_log.chat
            through = min(last, chat.pruned_seq + MAX_PRUNED_AT_ONCE)
            if through <= chat.pruned_seq:
                return gone
            gone += Event.objects.filter(chat=chat, seq__lte=through).delete()[0]
            chat.pruned_seq = through
            chat.save(update_fields=["pruned_seq"])


def prune_contact_messages() -> int:
    """Forgets what was said in contacts' chats but for the newest `CONTACT_MESSAGES_KEPT` messages, with its events."""
    spoken = Message.objects.filter(chat__kind=Chat.Kind.CONTACT).order_by("-pk")
    oldest_kept = spoken[settings.CONTACT_MESSAGES_KEPT - 1 : settings.CONTACT_MESSAGES_KEPT].first()
    if oldest_kept is None:
        return 0
    old = Message.objects.filter(chat__kind=Chat.Kind.CONTACT, pk__lt=oldest_kept.pk).order_by()
    return sum(
        _prune_messages(row["chat__uri"], row["last"])
        for row in old.values("chat__uri").annotate(last=Max("seq"))
    )


def _prune_messages(uri: str, last: int) -> int:
    _prune_chat(uri, last)
    with log.writing(uri) as chat_log:
        rows = Message.objects.filter(chat=chat_log.chat, seq__lte=last)
        # Events after that may still tell of them: those are events of what is no more.
        Event.objects.filter(message__in=rows).update(message=None)
        return rows.delete()[1].get(Message._meta.label, 0)  # noqa: SLF001 - public by its documentation


def prune_credentials() -> int:
    """Forgets tokens, tickets and pages' sessions that have run out, and log-in failures that count no more."""
    now = timezone.now()
    gone = sum(
        rows.delete()[0]
        for rows in (
            Token.objects.filter(expiry__lt=now),
            Session.objects.filter(expire_date__lt=now),
            Ticket.objects.filter(expires_at__lt=now),
            LoginFailure.objects.filter(at__lt=now - timedelta(hours=2)),
        )
    )
    return gone + prune_page_sessions()
