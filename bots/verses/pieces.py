"""What the bot's messages are made of: buttons, menus, pages of long menus, a verse."""

from collections.abc import Sequence

from bots.verses.models import Verse
from bots.verses.texts import words
from messaging.content import Button

PAGE = 24
"""With the ways on and back that is fewer than the 30 buttons that every platform can show."""


def button(language: str, key: str, press: str) -> Button:
    return Button(title=words(language, f"button_{key}"), press=press)


def menu_buttons(language: str) -> list[list[Button]]:
    return [
        [button(language, "random", "random")],
        [button(language, "favourites", "shelf:0"), button(language, "settings", "settings")],
    ]


def page_of(
    items: Sequence[Button], page: int, *, a_row: int, there: str, back: str, language: str
) -> list[list[Button]]:
    """The rows of that page, or of the last one. `there` is the press of a page without its number, `back` of the way back."""
    last = max(0, (len(items) - 1) // PAGE)
    page = min(max(page, 0), last)
    shown = items[page * PAGE : (page + 1) * PAGE]
    rows = [list(shown[start : start + a_row]) for start in range(0, len(shown), a_row)]
    turning = []
    if page > 0:
        turning.append(button(language, "previous", f"{there}{page - 1}"))
    if page < last:
        turning.append(button(language, "next", f"{there}{page + 1}"))
    return [*rows, *([turning] if turning else []), [button(language, "back", back)]]


def verse_text(verse: Verse) -> str:
    signed = f"{verse.author}, {verse.year}" if verse.year is not None else f"{verse.author}"
    return f"{verse.title}\n{signed}\n\n{verse.text}"


def verse_buttons(language: str, verse: Verse, *, kept: bool) -> list[list[Button]]:
    keep = (
        button(language, "remove", f"drop:{verse.pk}") if kept else button(language, "add", f"add:{verse.pk}")
    )
    return [[keep], [button(language, "another", "random"), button(language, "menu", "menu")]]
