"""Menus fit wherever they are shown: few buttons a message, short ids, pages for what is more."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async

from bots.verses.actions.collection import import_verses
from bots.verses.actions.readers import add_favourite
from bots.verses.clock import CONTINENTS, cities_of
from bots.verses.formats import NewVerse
from bots.verses.models import Author, Verse
from bots.verses.pieces import page_of
from messaging.content import MAX_BUTTONS, MAX_PRESS_BYTES, Button, Text
from messaging.models import Contact
from tests.bots.conftest import Worker, arrival, pressed

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZБГДЖ"
LONG = "A very long name that goes on " * 3


def all_pages(items: list[Button], *, a_row: int, there: str) -> Iterator[list[list[Button]]]:
    for page in range(len(items) // 24 + 1):
        yield page_of(items, page, a_row=a_row, there=there, back="menu", language="en")


@pytest.mark.parametrize("count", [1, 24, 25, 100])
def test_every_item_is_on_one_page_and_no_page_is_too_long(count: int) -> None:
    items = [Button(title=f"Item {number}", press=f"item:{number}") for number in range(count)]
    seen: list[str] = []
    for rows in all_pages(items, a_row=10, there="list:"):
        assert sum(map(len, rows)) <= MAX_BUTTONS
        assert all(len(row) <= 10 for row in rows)
        assert rows[-1][-1].press == "menu"
        seen += [button.title for row in rows for button in row if button.title.startswith("Item")]
    assert sorted(set(seen), key=lambda title: int(title[5:])) == [item.title for item in items]


@pytest.mark.parametrize("page", [-1, 5, 10**12])
def test_a_page_that_is_not_there_is_the_nearest_one(page: int) -> None:
    items = [Button(title=str(number), press=f"item:{number}") for number in range(30)]
    rows = page_of(items, page, a_row=10, there="list:", back="menu", language="en")
    assert rows[0][0].title == ("0" if page < 0 else "24")


def test_every_time_zone_can_be_chosen() -> None:
    zones = [zone for continent in CONTINENTS for zone in cities_of(continent)]
    assert len(zones) > 300
    for zone in zones:
        assert len(f"zone:{zone}".encode()) <= MAX_PRESS_BYTES
        Button(title=zone, press=f"zone:{zone}")


@pytest.mark.django_db(transaction=True)
async def test_a_large_shelf_is_browsed_by_pages(worker: Worker) -> None:
    """30 letters; under the first of them 30 authors, of whom the first has 30 poems."""
    authors = [
        *(f"{letter}, Poet" for letter in LETTERS[1:]),
        *(f"{LETTERS[0]}{number:02} {LONG[:60]}, Poet" for number in range(30)),
    ]
    verses = [
        *((author, "One") for author in authors),
        *((f"{LETTERS[0]}00 {LONG[:60]}, Poet", f"{number:02} {LONG}") for number in range(29)),
    ]

    def fill() -> None:
        entries = [(1, NewVerse(author=author, title=title, text="Words.")) for author, title in verses]
        assert import_verses(entries).new == len(verses)
        contact = Contact.objects.get()
        for verse in Verse.objects.filter(text="Words."):
            add_favourite(contact=contact.pk, verse=verse.pk)

    async def press(title: str) -> Text:
        last = worker.paper.sent["ada"][-1].content
        assert isinstance(last, Text)
        found = [each.press for row in last.buttons for each in row if each.title.startswith(title)]
        await worker.take(replace(arrival("ada", pressed(str(found[0]), "gone")), account="verses"))
        shown = worker.paper.sent["ada"][-1].content
        assert isinstance(shown, Text)
        assert sum(map(len, shown.buttons)) <= MAX_BUTTONS
        return shown

    await worker.take(replace(arrival("ada", "/start"), account="verses"))
    await sync_to_async(fill)()
    letters = await press("⭐ Favourites")
    assert [len(row) for row in letters.buttons] == [10, 10, 4, 1, 1]
    assert (await press("Next")).buttons[0][0].title == "Y"
    await press("« Previous")
    poets = await press("A")
    assert [len(row) for row in poets.buttons] == [3] * 8 + [1, 1]
    await press("Next")
    await press("« Previous")
    poems = await press("Poet A00")
    assert [len(row) for row in poems.buttons] == [1] * 26
    assert "Words." in (await press("00")).text
    assert await Author.objects.filter(letter="A").acount() >= 30
