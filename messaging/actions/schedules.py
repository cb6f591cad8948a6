"""Schedules: editing them, and doing what is due, each run by one of however many workers."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from messaging.actions.broadcasts import broadcast_of_schedule, forget_drafts
from messaging.actions.retention import prune_contact_messages
from messaging.chores import BROADCAST, announce_chore, chore_named
from messaging.cron import check_cron, next_time, zone_named
from messaging.errors import Invalid, ParleyError
from messaging.models import Schedule

LEASE = timedelta(minutes=10)
"""After so long a run whose worker has not said that it is done is begun again."""

NOTHING_TO_DO = "done: 0"

logger = logging.getLogger("parley.schedules")


def save_schedule(*, schedule: Schedule) -> Schedule:
    """The schedule as it was edited, with its next time. Raises `Invalid` with what is wrong."""
    check_schedule(schedule)
    schedule.next_at = (
        next_time(schedule.cron, schedule.zone, after=timezone.now()) if schedule.enabled else None
    )
    schedule.leased_until = None
    schedule.save()
    return schedule


def check_schedule(schedule: Schedule) -> None:
    check_cron(schedule.cron)
    zone_named(schedule.zone)
    if schedule.chore == BROADCAST:
        if not schedule.bot or not schedule.text.strip():
            sentence = "A broadcast needs a bot that says it, and a text."
            raise Invalid(sentence, code="nothing_to_say", fields={"text": [sentence]})
    elif chore_named(schedule.chore) is None:
        sentence = f"Nothing here is called “{schedule.chore}”."
        raise Invalid(sentence, code="unknown_chore", fields={"chore": [sentence]})


def run_due_schedules() -> int:
    """Does whatever is due, once each, however many ask; says how many it did. What was missed while nobody worked is done
    once, not as often as it was missed.
    """
    now = timezone.now()
    # Those that a migration made have not been given a time yet.
    for schedule in Schedule.objects.filter(enabled=True, next_at__isnull=True):
        _plan(schedule, None, now)
    due = Schedule.objects.filter(enabled=True, next_at__lte=now).order_by("next_at", "pk")
    return sum(_run(schedule) for schedule in due if _claim(schedule, now))


def run_schedule_now(*, schedule: Schedule) -> None:
    """Does it at once, whatever its time; its times stay what they are."""
    _note(schedule, _outcome_of(schedule, timezone.now()))


def _claim(schedule: Schedule, now: datetime) -> bool:
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    mine = Schedule.objects.filter(free, pk=schedule.pk, enabled=True, next_at=schedule.next_at)
    return mine.update(leased_until=now + LEASE) == 1


def _run(schedule: Schedule) -> bool:
    due_at = schedule.next_at
    assert due_at is not None
    try:
        _note(schedule, _outcome_of(schedule, due_at))
    finally:
        _plan(schedule, due_at, timezone.now())
    return True


def _outcome_of(schedule: Schedule, due_at: datetime) -> str:
    """Does it; a sentence that says what came of it."""
    try:
        if schedule.chore == BROADCAST:
            with transaction.atomic(durable=True):
                broadcast = broadcast_of_schedule(schedule=schedule, due_at=due_at)
            return f"broadcast {broadcast.pk}"
        chore = chore_named(schedule.chore)
        if chore is None:
            return f"failed: nothing here is called “{schedule.chore}”"
        return f"done: {chore.run()}"
    except ParleyError as error:
        return f"failed: {error.sentence}"
    except Exception as error:
        # One that is broken must not keep the others from being done.
        logger.exception("the schedule %s failed", schedule.name)
        return f"failed: {error!r}"


def _note(schedule: Schedule, outcome: str) -> None:
    # One that comes every minute would fill the log with nothing.
    logger.log(logging.DEBUG if outcome == NOTHING_TO_DO else logging.INFO, "%s: %s", schedule.name, outcome)
    Schedule.objects.filter(pk=schedule.pk).update(last_at=timezone.now(), last_outcome=outcome[:300])


def _plan(schedule: Schedule, due_at: datetime | None, now: datetime) -> None:
    """The next time, unless it was edited meanwhile."""
    try:
        next_at = next_time(schedule.cron, schedule.zone, after=now)
    except Invalid:  # a time zone that there is no more
        next_at = None
    Schedule.objects.filter(pk=schedule.pk, next_at=due_at).update(
        next_at=next_at, leased_until=None, **({} if next_at else {"enabled": False})
    )


def clean_up() -> int:
    """What is cleared away once in a while: contacts' old messages, and broadcasts that nobody confirmed."""
    return prune_contact_messages() + forget_drafts()


announce_chore("clean_up", "Forget old messages of contacts", clean_up)
