"""Taking verses up into the collection."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from django.db import transaction

from bots.verses.formats import Bad, NewVerse
from bots.verses.models import Author, Verse
from messaging.errors import Conflict

BATCH = 500


class Imported(NamedTuple):
    """What became of a file: how many verses are new, how many were here already, and which could not be taken."""

    new: int
    known: int
    bad: list[Bad]


def import_verses(entries: Iterable[tuple[int, NewVerse] | Bad]) -> Imported:
    """Takes up what is good, and each verse once, however often it is imported."""
    new = known = 0
    bad: list[Bad] = []
    for batch in _batches(entries):
        bad += [entry for entry in batch if isinstance(entry, Bad)]
        good = [entry[1] for entry in batch if not isinstance(entry, Bad)]
        taken = _take_up(good)
        new += taken
        known += len(good) - taken
    return Imported(new, known, bad)


def _batches(entries: Iterable[tuple[int, NewVerse] | Bad]) -> Iterator[list[tuple[int, NewVerse] | Bad]]:
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _take_up(verses: list[NewVerse]) -> int:
    by_digest = {verse.digest: verse for verse in verses}
    with transaction.atomic():
        here = Verse.objects.filter(digest__in=by_digest).values_list("digest", flat=True)
        for digest in list(here):
            del by_digest[digest]
        wanted = {verse.author_name: verse for verse in by_digest.values()}
        Author.objects.bulk_create(
            [Author(name=name, surname=verse.surname, letter=verse.letter) for name, verse in wanted.items()],
            ignore_conflicts=True,
        )
        authors = {author.name: author for author in Author.objects.filter(name__in=wanted)}
        rows = [
            Verse(
                author=authors[verse.author_name],
                title=verse.title,
                year=verse.year,
                language=verse.language,
                text=verse.text,
                source=verse.source,
                digest=digest,
            )
            for digest, verse in by_digest.items()
        ]
        # Two imports at once: the digest is unique, and the other's verse is as good as ours.
        Verse.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def save_verse(*, verse: Verse | None, new: NewVerse) -> Verse:
    """A verse as it was edited, or a new one. Raises `Conflict` if that very verse is here already."""
    same = Verse.objects.filter(digest=new.digest)
    if (same if verse is None else same.exclude(pk=verse.pk)).exists():
        raise Conflict("This verse is in the collection already.", code="known_verse")
    with transaction.atomic():
        author, _ = Author.objects.get_or_create(
            name=new.author_name, defaults={"surname": new.surname, "letter": new.letter}
        )
        verse = verse or Verse()
        verse.author, verse.title, verse.year = author, new.title, new.year
        verse.language, verse.text, verse.source = new.language, new.text, new.source
        verse.digest = new.digest
        verse.save()
    return verse


def delete_verses(*, verses: Iterable[int]) -> None:
    """They leave the collection, and with them those who had them as favourites; authors of nothing go too."""
    with transaction.atomic():
        Verse.objects.filter(pk__in=list(verses)).delete()
        Author.objects.filter(verses__isnull=True).delete()
