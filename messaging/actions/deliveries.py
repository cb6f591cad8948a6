"""Deliveries: who sends what next, what came of it, and how fast we may go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from messaging import events, log, shapes
from messaging.actions.contacts import keep_contact, note_reachability
from messaging.content import AnyContent, File, content_of
from messaging.counters import SENDS
from messaging.heard import Heard, Kind
from messaging.log import ChatLog
from messaging.models import Contact, Delivery, Document, Message, Pace

GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Owed:
    """A delivery that is this worker's until its lease ends."""

    delivery: Delivery
    contact: Contact
    content: AnyContent
    by_human: bool


def claim_deliveries(
    *,
    platform: str,
    account: str,
    limit: int,
    per_second: float,
    chat_interval_s: float,
    chat_burst: int,
) -> list[Owed]:
    """The oldest unsent delivery of each contact, for as many as the account may send to now, leased to the caller."""
    with transaction.atomic(durable=True):
        now = timezone.now()
        burst = timedelta(seconds=chat_interval_s * (chat_burst - 1))
        older = Delivery.objects.filter(
            state=Delivery.State.WAITING, contact=OuterRef("contact"), pk__lt=OuterRef("pk")
        )
        rows = list(
            Delivery.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
            .filter(
                Q(leased_until__isnull=True) | Q(leased_until__lt=now),
                Q(contact__paced_until__isnull=True) | Q(contact__paced_until__lte=now + burst),
                state=Delivery.State.WAITING,
                due_at__lte=now,
                contact__platform=platform,
                contact__account=account,
            )
            .filter(~Exists(older))
            .select_related("contact__chat", "message__author")
            .order_by("pk")[:limit]
        )
        if not rows:
            return []
        rows = rows[: _spend_pace(platform, account, len(rows), per_second, now)]
        leased_until = now + timedelta(seconds=settings.WORKER_LEASE_S)
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
            # Whose lease ended unrecorded may have been sent.
            lost=F("lost") + Case(When(leased_until__isnull=False, then=Value(1)), default=Value(0)),
            leased_until=leased_until,
            attempts=F("attempts") + 1,
        )
        interval = timedelta(seconds=chat_interval_s)
        for row in rows:
            row.leased_until = leased_until
            row.attempts += 1
            row.contact.paced_until = max(row.contact.paced_until or now, now) + interval
        Contact.objects.bulk_update([row.contact for row in rows], ["paced_until"])
    return [
        Owed(
            delivery=row,
            contact=row.contact,
            content=_content_of(row.message),
            by_human=row.message.author is not None and not row.message.author.is_bot,
        )
        for row in rows
    ]


def _content_of(message: Message) -> AnyContent:
    content = content_of(message.text, message.extras)
    if isinstance(content, File) and content.kept:
        document = Document.objects.get(message=message).content
        return content.model_copy(update={"content": document, "kept": False})
    return content


def _spend_pace(platform: str, account: str, wanted: int, per_second: float, now: datetime) -> int:
    """How many of so many the account may send now: a second's worth at once, then at its rate."""
    pace, _ = Pace.objects.select_for_update(no_key=True).get_or_create(platform=platform, account=account)
    if pace.paused_until is not None and pace.paused_until > now:
        return 0
    spent_until = max(pace.paced_until or now, now)
    free_s = 1.0 - (spent_until - now).total_seconds()
    granted = min(wanted, max(0, int(free_s * per_second)))
    if granted:
        pace.paced_until = spent_until + timedelta(seconds=granted / per_second)
        pace.save(update_fields=["paced_until"])
    return granted


def pause_account(*, platform: str, account: str, seconds: float, reason: str) -> None:
    """Nothing of this account is sent by any worker for so long, as the platform asked."""
    until = timezone.now() + timedelta(seconds=seconds)
    Pace.objects.get_or_create(platform=platform, account=account)
    Pace.objects.filter(
        Q(paused_until__isnull=True) | Q(paused_until__lt=until), platform=platform, account=account
    ).update(paused_until=until, reason=reason[:300])


def record_sent(owed: Owed, *, external_ids: Sequence[str]) -> bool:
    """It is with the platform. False: another worker has it by now, so it may have been sent more than once."""
    return _record(owed, Delivery.State.SENT, external_ids=external_ids)


def record_retry(
    owed: Owed, *, seconds: float, reason: str, sent: Sequence[str], is_unknown: bool = False
) -> bool:
    """It is tried again in `seconds`, or given up a day after it was written. `is_unknown`: it may have been sent."""
    if timezone.now() - owed.delivery.created_at > GIVE_UP_AFTER:
        return record_refused(owed, code="gave_up", reason=reason)
    SENDS.labels(owed.contact.platform, "retry").inc()
    row = owed.delivery
    return bool(
        Delivery.objects.filter(
            pk=row.pk, state=Delivery.State.WAITING, leased_until=row.leased_until
        ).update(
            leased_until=None,
            due_at=timezone.now() + timedelta(seconds=seconds),
            reason=reason[:300],
            lost=F("lost") + int(is_unknown),
            external_ids=list(sent),
        )
    )


def record_refused(
    owed: Owed,
    *,
    code: str,
    reason: str,
    unreachable: bool = False,
    skipped: bool = False,
    sent: Sequence[str] = (),
) -> bool:
    """It will never be sent. `unreachable`: nor anything else, until they come back."""
    return _record(
        owed,
        Delivery.State.SKIPPED if skipped else Delivery.State.FAILED,
        external_ids=sent,
        code=code,
        reason=reason,
        unreachable=unreachable,
    )


def _record(
    owed: Owed,
    state: Delivery.State,
    *,
    external_ids: Sequence[str],
    code: str = "",
    reason: str = "",
    unreachable: bool = False,
) -> bool:
    row = owed.delivery
    with log.writing(owed.contact.chat.uri) as chat_log:
        recorded = Delivery.objects.filter(
            pk=row.pk, state=Delivery.State.WAITING, leased_until=row.leased_until
        ).update(
            state=state,
            # When the try began: the platform's own clock, by which watermarks are given, has it a little later.
            sent_at=_begun_at(row) if state == Delivery.State.SENT else None,
            external_ids=list(external_ids),
            leased_until=None,
            code=code[:40],
            reason=reason[:300],
        )
        if not recorded:
            return False
        changed: dict[str, str] = {"delivery": state.value}
        if external_ids and not row.edits:
            changed["external_id"] = external_ids[-1][:200]
        Message.objects.filter(pk=row.message_id).update(**changed)
        chat_log.append(
            events.DeliveryChanged, numbers=[row.message.number], state=state.value, reason=reason[:300]
        )
        if unreachable:
            contact = Contact.objects.select_related("user", "taken_by").get(pk=owed.contact.pk)
            before = shapes.contact(contact)
            note_reachability(chat_log, contact, reachable=False)
            keep_contact(chat_log, contact, before)
    SENDS.labels(owed.contact.platform, state.value).inc()
    return True


def _begun_at(claimed: Delivery) -> datetime:
    assert claimed.leased_until is not None, "A claimed delivery has a lease."
    return claimed.leased_until - timedelta(seconds=settings.WORKER_LEASE_S)


def note_watermark(chat_log: ChatLog, contact: Contact, heard: Heard) -> str:
    """Everything sent up to the watermark has been delivered, or read, which implies it: at the time that the first
    watermark names to cover it. Inside a transaction.
    """
    state = Delivery.State.READ if heard.kind == Kind.READ else Delivery.State.DELIVERED
    on_their_way = [Delivery.State.SENT] + (
        [Delivery.State.DELIVERED] if state == Delivery.State.READ else []
    )
    rows = Delivery.objects.filter(contact=contact, state__in=on_their_way, sent_at__lte=heard.watermark)
    found = list(rows.values_list("pk", "message_id", "message__number"))
    if not found:
        return f"{state} before"
    times: dict[str, Any] = {"delivered_at": Coalesce(F("delivered_at"), heard.watermark)}
    if state == Delivery.State.READ:
        times["read_at"] = heard.watermark
    Delivery.objects.filter(pk__in=[pk for pk, _, _ in found]).update(state=state, **times)
    Message.objects.filter(pk__in=[pk for _, pk, _ in found]).update(delivery=state.value)
    numbers = sorted({number for _, _, number in found})
    chat_log.append(events.DeliveryChanged, numbers=numbers, state=state.value)
    return f"{len(numbers)} {state}"
