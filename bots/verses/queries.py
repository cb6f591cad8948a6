"""Every read of the verse bot's tables."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from bots.verses.models import Author, DailyVerse, Favourite, Reader, Verse


def random_verse(language: str, *, but_not: Collection[int] = ()) -> Verse | None:
    """One in that language if there is any, else any; none of those if there are others."""
    verses = Verse.objects.order_by("pk").select_related("author")
    in_language = verses.filter(language=language)
    for choice in (in_language.exclude(pk__in=but_not), in_language, verses.exclude(pk__in=but_not), verses):
        if count := choice.count():
            return choice[random.randrange(count)]
    return None


def verse_with_id(verse: int) -> Verse | None:
    return Verse.objects.select_related("author").filter(pk=verse).first()


def author_with_id(author: int) -> Author | None:
    return Author.objects.filter(pk=author).first()


# Favourites are those of a person, so of all contacts who are the same one.


def is_favourite(contacts: Collection[int], verse: int) -> bool:
    return Favourite.objects.filter(contact__in=contacts, verse=verse).exists()


def favourites_of(contacts: Collection[int]) -> QuerySet[Verse]:
    kept = Favourite.objects.filter(contact__in=contacts).values("verse")
    return Verse.objects.filter(pk__in=kept)


def letters_of(contacts: Collection[int]) -> list[str]:
    letters = Author.objects.filter(verses__in=favourites_of(contacts)).order_by("letter")
    return list(letters.values_list("letter", flat=True).distinct())


def authors_under(contacts: Collection[int], letter: str) -> list[Author]:
    """Those with a favourite of these contacts."""
    return list(Author.objects.filter(letter=letter, verses__in=favourites_of(contacts)).distinct())


def favourites_by(contacts: Collection[int], author: int) -> list[Verse]:
    return list(favourites_of(contacts).filter(author=author))


# The verse of the day.

REMEMBERED = 60


def had_one(contacts: Collection[int], day: date) -> bool:
    return DailyVerse.objects.filter(contact__in=contacts, day=day).exists()


def recent_verses(contacts: Collection[int]) -> list[int]:
    """Those of the last days: another one is better."""
    rows = DailyVerse.objects.filter(contact__in=contacts, verse__isnull=False).order_by("-pk")
    return list(rows.values_list("verse_id", flat=True)[:REMEMBERED])


# For operators.


@dataclass(frozen=True)
class Stats:
    people: int
    active: int
    invited: int
    daily: int
    unreachable: int
    silent: int
    """Who got no verse in the last 24 hours because their platform lets nobody write to them before they do."""
    verses: int
    favourites: int


def stats() -> Stats:
    readers = Reader.objects.all()
    since = timezone.now() - timedelta(hours=24)
    return Stats(
        people=readers.count(),
        active=readers.filter(contact__heard_at__gte=since).count(),
        invited=readers.filter(contact__referred_by__isnull=False).count(),
        daily=readers.filter(due_at__isnull=False, contact__unreachable_at__isnull=True).count(),
        unreachable=readers.filter(contact__unreachable_at__isnull=False).count(),
        silent=readers.filter(passed_over="window_closed", passed_over_at__gte=since).count(),
        verses=Verse.objects.count(),
        favourites=Favourite.objects.count(),
    )


def all_readers() -> Iterator[tuple[Reader, int]]:
    """Everybody, with how many favourites they have."""
    counts = dict(Favourite.objects.values_list("contact").annotate(kept=Count("pk")).order_by())
    readers = Reader.objects.select_related("contact", "contact__referred_by").order_by("contact_id")
    for reader in readers.iterator(chunk_size=1000):
        yield reader, counts.get(reader.contact_id, 0)
