"""What readers choose: favourites, and the verse of the day. Inside the transaction that answers them."""

from collections.abc import Collection
from datetime import timedelta

from django.utils import timezone

from bots.verses.clock import next_due
from bots.verses.models import Action, Favourite, Reader
from messaging.chores import announce_chore

ACTION_DAYS = 90


def meet_reader(*, contact: int, hour: int) -> Reader:
    """The reader's row, made with that hour if there is none."""
    return Reader.objects.get_or_create(contact_id=contact, defaults={"hour": hour})[0]


def log_action(*, contact: int, name: str) -> None:
    Action.objects.create(contact_id=contact, name=name[:40])


def add_favourite(*, contact: int, verse: int) -> None:
    Favourite.objects.get_or_create(contact_id=contact, verse_id=verse)


def remove_favourite(*, contacts: Collection[int], verse: int) -> None:
    """Of all contacts who are the same person."""
    Favourite.objects.filter(contact__in=contacts, verse=verse).delete()


def want_daily(*, reader: Reader, zone: str, hour: int | None = None) -> None:
    """From now on a verse comes every day at the hour, by the clocks of the zone."""
    reader.hour = reader.hour if hour is None else hour
    reader.due_at = next_due(reader.hour, zone, after=timezone.now())
    reader.save(update_fields=["hour", "due_at"])


def want_no_daily(*, reader: Reader) -> None:
    reader.due_at = None
    reader.save(update_fields=["due_at"])


def change_clock(*, reader: Reader, zone: str, hour: int | None = None) -> None:
    """Another hour or zone; nothing comes of it for those who want no verse of the day."""
    if reader.due_at is not None:
        want_daily(reader=reader, zone=zone, hour=hour)
    elif hour is not None:
        reader.hour = hour
        reader.save(update_fields=["hour"])


def forget_actions() -> int:
    """What was done `ACTION_DAYS` ago leaves the action log."""
    return Action.objects.filter(at__lt=timezone.now() - timedelta(days=ACTION_DAYS)).delete()[0]


announce_chore("verses.clean_up", "Verses: forget old entries of the action log", forget_actions)
