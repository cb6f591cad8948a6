"""The shelf of favourites: letters, then authors, then poems, then the text; back everywhere, and removing."""

from collections.abc import Sequence

from bots.bot import Answer, Turn
from bots.verses.actions.readers import remove_favourite
from bots.verses.identity import bot, logged, number_in, pressed
from bots.verses.pieces import button, menu_buttons, page_of, verse_text
from bots.verses.queries import (
    author_with_id,
    authors_under,
    favourites_by,
    favourites_of,
    is_favourite,
    letters_of,
    verse_with_id,
)
from bots.verses.texts import words
from messaging.content import Button, Text
from messaging.queries.contacts import same_person

TITLE_LENGTH = 60


@bot.command("favourites", "favorites")
@pressed("shelf:")
@logged
def shelf(turn: Turn) -> Answer:
    """The letters."""
    return _letters(turn, same_person(turn.contact), number_in(turn.rest))


@pressed("letter:")
@logged
def letter(turn: Turn) -> Answer:
    """The authors under a letter."""
    wanted, _, page = turn.rest.partition(":")
    return _authors(turn, same_person(turn.contact), wanted, number_in(page))


@pressed("author:")
@logged
def author(turn: Turn) -> Answer:
    """The poems of an author."""
    wanted, _, page = turn.rest.partition(":")
    return _poems(turn, same_person(turn.contact), number_in(wanted), number_in(page))


@pressed("poem:")
@logged
def poem(turn: Turn) -> Answer:
    verse = verse_with_id(number_in(turn.rest))
    if verse is None or not is_favourite(same_person(turn.contact), verse.pk):
        return _letters(turn, same_person(turn.contact), 0)
    language = turn.language
    buttons = [
        [button(language, "remove", f"unshelve:{verse.pk}")],
        [button(language, "back", f"author:{verse.author_id}:0"), button(language, "menu", "menu")],
    ]
    return Text(text=verse_text(verse), buttons=buttons, replace=True)


@pressed("unshelve:")
@logged
def unshelve(turn: Turn) -> Answer:
    """Removes it, and shows the nearest shelf that still has something on it."""
    people, verse = same_person(turn.contact), verse_with_id(number_in(turn.rest))
    if verse is None:
        return _letters(turn, people, 0)
    remove_favourite(contacts=people, verse=verse.pk)
    return _poems(turn, people, verse.author_id, 0)


def _letters(turn: Turn, people: Sequence[int], page: int) -> Text:
    language, letters = turn.language, letters_of(people)
    if not letters:
        return Text(text=words(language, "no_favourites"), buttons=menu_buttons(language), replace=True)
    text = words(language, "choose_letter", count=favourites_of(people).count())
    buttons = [Button(title=letter, press=f"letter:{letter}:0") for letter in letters]
    rows = page_of(buttons, page, a_row=10, there="shelf:", back="menu", language=language)
    return Text(text=text, buttons=rows, replace=True)


def _authors(turn: Turn, people: Sequence[int], letter: str, page: int) -> Text:
    authors = authors_under(people, letter)
    if not authors:
        return _letters(turn, people, 0)
    buttons = [Button(title=_short(author.name), press=f"author:{author.pk}:0") for author in authors]
    rows = page_of(buttons, page, a_row=3, there=f"letter:{letter}:", back="shelf:0", language=turn.language)
    return Text(text=words(turn.language, "choose_author", letter=letter), buttons=rows, replace=True)


def _poems(turn: Turn, people: Sequence[int], author_id: int, page: int) -> Text:
    author, verses = author_with_id(author_id), favourites_by(people, author_id)
    if author is None:
        return _letters(turn, people, 0)
    if not verses:
        return _authors(turn, people, author.letter, 0)
    buttons = [Button(title=_short(verse.title), press=f"poem:{verse.pk}") for verse in verses]
    rows = page_of(
        buttons,
        page,
        a_row=1,
        there=f"author:{author.pk}:",
        back=f"letter:{author.letter}:0",
        language=turn.language,
    )
    return Text(text=words(turn.language, "choose_verse", author=author.name), buttons=rows, replace=True)


def _short(title: str) -> str:
    return title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…"
