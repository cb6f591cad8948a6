"""The verse of the day: sent at each reader's own hour, exactly once per person and day."""

import logging
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from django.db import IntegrityError
from django.utils import timezone

from bots.verses import NAME
from bots.verses.clock import day_of, next_due
from bots.verses.models import DailyVerse, Reader, Verse
from bots.verses.pieces import button, verse_buttons, verse_text
from bots.verses.queries import had_one, is_favourite, random_verse, recent_verses
from bots.verses.texts import words
from messaging.actions.answers import send_to_contact
from messaging.actions.bots import enlist_bots
from messaging.chores import announce_chore
from messaging.content import Text
from messaging.errors import ParleyError
from messaging.queries.broadcasts import why_not_to_write
from messaging.queries.contacts import same_person, settings_of_bot

BATCH = 200
# Whoever should have had it longer ago than that, because nobody worked, is not woken up: they get the next one.
TOO_LATE = timedelta(hours=12)

# A worker that is told to stop must not take longer; no platform takes more than some thousands a minute anyway.
RUN_S = 15.0

logger = logging.getLogger("parley.verses")


class NotTheirTurn(Exception):
    """Another worker, or the reader themselves, has moved the time on."""


def send_daily_verses() -> int:
    """Sends to those whose hour has come, for `RUN_S`: who is left gets it in the next minute. Returns how many got one."""
    now, began = timezone.now(), monotonic()
    default_zone = settings_of_bot(NAME).get("zone", "")
    sent = 0
    while True:
        due = Reader.objects.filter(due_at__lte=now).select_related("contact__user").order_by("due_at", "pk")
        readers = list(due[:BATCH])
        if not readers:
            return sent
        for reader in readers:
            if monotonic() - began > RUN_S:
                return sent
            sent += _send(reader, reader.contact.time_zone or default_zone, now)


def _send(reader: Reader, zone: str, now: datetime) -> bool:
    """Sends it, or finds a reason not to; either way their next time is later."""
    contact = reader.contact
    assert reader.due_at is not None
    day, people = day_of(reader.due_at, zone), same_person(contact)
    next_at = next_due(reader.hour, zone, after=now)
    verse = random_verse(contact.speaks, but_not=recent_verses(people))
    if verse is None or now - reader.due_at > TOO_LATE or had_one(people, day):
        _move_on(reader, next_at)
        return False
    if (refusal := why_not_to_write(contact, now)) is not None:
        code, _ = refusal
        _move_on(reader, next_at, passed_over_at=now, passed_over=code)
        return False
    row = DailyVerse(
        person=f"user:{contact.user_id}" if contact.user_id is not None else f"contact:{contact.pk}",
        day=day,
        contact=contact,
        verse=verse,
    )
    try:
        send_to_contact(
            contact=contact.pk,
            author=enlist_bots([NAME])[NAME],
            content=_content(contact.speaks, verse, kept=is_favourite(people, verse.pk)),
            also=partial(_record, row, reader, next_at),
        )
    except (IntegrityError, ParleyError, NotTheirTurn) as error:
        # They have had it by another of their contacts, or their thread is closed.
        logger.info("no verse for reader %d: %s", reader.pk, type(error).__name__)
        _move_on(reader, next_at)
        return False
    return True


def _content(language: str, verse: Verse, *, kept: bool) -> Text:
    buttons = verse_buttons(language, verse, kept=kept)
    buttons.append([button(language, "daily_off", "daily:off")])
    title = words(language, "verse_of_the_day")
    return Text(text=f"{title}\n\n{verse_text(verse)}", buttons=buttons)


def _record(row: DailyVerse, reader: Reader, next_at: datetime) -> None:
    """In the transaction that says the verse: that it is this person's of this day, of which there is one."""
    row.save(force_insert=True)
    if not _move_on(reader, next_at):
        raise NotTheirTurn


def _move_on(reader: Reader, next_at: datetime, **noted: datetime | str) -> bool:
    standing = Reader.objects.filter(pk=reader.pk, due_at=reader.due_at)
    return standing.update(due_at=next_at, **noted) == 1


announce_chore("verses.daily", "Verses: the verse of the day, to whose hour has come", send_daily_verses)
