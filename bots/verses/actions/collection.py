"""Taking verses up into the collection."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from django.db import transaction

from bots.verses.formats import Bad, NewVerse
from bots.verses.models import Author, Verse

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
