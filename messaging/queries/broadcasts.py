"""Broadcasts: whom they are for, and how far they have come."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils import timezone

from messaging.models import WEB, Contact, Recipient, User


@dataclass(frozen=True)
class Progress:
    """How many recipients are where. `handed`: it is in their chat and with the outbox. `lost`: tries whose outcome was never
    recorded, so how often it may have arrived once more."""

    total: int = 0
    waiting: int = 0
    handed: int = 0
    sent: int = 0
    skipped: int = 0
    failed: int = 0
    lost: int = 0


def progress_of(broadcasts: Collection[int]) -> dict[int, Progress]:
    """By the broadcast's id, of those that have recipients; one query for all."""
    rows = (
        Recipient.objects.filter(broadcast__in=broadcasts)
        .order_by()
        .values_list("broadcast_id", "state")
        .annotate(people=Count("pk"), tries_lost=Sum("lost"))
    )
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for broadcast, state, people, lost in rows:
        counts[broadcast].update({state: people, "total": people, "lost": lost})
    return {broadcast: Progress(**count) for broadcast, count in counts.items()}


def skipped_because(broadcast: int) -> list[tuple[str, str, int]]:
    """Why people did not get it: code, sentence, how many; the most frequent first."""
    rows = (
        Recipient.objects.filter(broadcast=broadcast)
        .exclude(code="")
        .values_list("code", "reason")
        .annotate(people=Count("pk"))
        .order_by("-people", "code")
    )
    return list(rows)


def cannot_be_written_to(broadcast: int) -> int:
    """How many of its contacts would be skipped now."""
    refused = Q(contact__banned_at__isnull=False) | Q(contact__unreachable_at__isnull=False)
    for platform, hours in settings.REPLY_WINDOW_H.items():
        since = timezone.now() - timedelta(hours=hours)
        silent = Q(contact__heard_at__isnull=True) | Q(contact__heard_at__lt=since)
        refused |= Q(contact__platform=platform) & silent
    return Recipient.objects.filter(refused, broadcast=broadcast).count()


def outside_window(contact: Contact, now: datetime) -> bool:
    """Whether their platform forbids to write to them of our own accord now."""
    hours = settings.REPLY_WINDOW_H.get(contact.platform)
    return hours is not None and (contact.heard_at is None or contact.heard_at < now - timedelta(hours=hours))


def why_not_to_write(contact: Contact, now: datetime) -> tuple[str, str] | None:
    """Why nothing may be sent to a contact of our own accord: a code and a sentence."""
    if contact.banned_at is not None:
        return "banned", "They are banned."
    if contact.unreachable_at is not None:
        return "unreachable", "They have blocked the bot."
    if contact.user is not None and not contact.user.is_active:
        return "inactive", "Their account is suspended or deleted."
    if outside_window(contact, now):
        return "window_closed", "The platform lets us write only after they have written themselves."
    return None


def accounts_of_bot(bot: str) -> list[tuple[str, str]]:
    """The platforms' accounts that it answers for and that have contacts: of its own name, or whom `BOT_ACCOUNTS` names as
    its, or all that have no other if it is the only bot there is.
    """
    known = set(User.objects.exclude(bot_name="").values_list("bot_name", flat=True)) | {bot}
    accounts = Contact.objects.order_by().values_list("platform", "account").distinct()
    return [(platform, account) for platform, account in accounts if _bot_of(platform, account, known) == bot]


def _bot_of(platform: str, account: str, known: set[str]) -> str | None:
    name = settings.BOT_ACCOUNTS.get(f"{platform}/{account}", account)
    return name if name in known or len(known) > 1 or platform == WEB else next(iter(known))
