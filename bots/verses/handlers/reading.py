"""Coming, getting help, and reading a random verse."""

from bots.bot import Answer, Turn
from bots.verses.actions.readers import add_favourite, remove_favourite, want_daily
from bots.verses.handlers.linking import bring
from bots.verses.identity import (
    COMMANDS,
    OPERATORS_COMMANDS,
    bot,
    clock_face,
    logged,
    number_in,
    pressed,
    reader_of,
    zone_of,
)
from bots.verses.models import Verse
from bots.verses.pieces import menu_buttons, verse_buttons, verse_text
from bots.verses.queries import is_favourite, random_verse, verse_with_id
from bots.verses.texts import words
from messaging.content import Text
from messaging.queries.contacts import same_person


@bot.command("start")
@bot.referral()
@logged
def start(turn: Turn) -> Answer:
    """Greets; whoever is new gets a verse a day, unless operators have set it otherwise. Who sent them is the core's to note."""
    if turn.rest.startswith("link_"):
        return bring(turn)
    language, name = turn.language, _name_of(turn)
    is_first = not turn.state.get("greeted")
    turn.state["greeted"] = True
    greeting = words(language, "welcome" if is_first else "welcome_back", name=f", {name}" if name else "")
    parts = [greeting, turn.settings.get("greeting", "")]
    if is_first and turn.settings.get("daily", "on") != "off":
        reader = reader_of(turn)
        want_daily(reader=reader, zone=zone_of(turn))
        parts.append(words(language, "daily_is_on", hour=clock_face(reader.hour), zone=zone_of(turn)))
    parts.append(words(language, "menu"))
    return Text(text="\n".join(part for part in parts if part), buttons=menu_buttons(language))


def _name_of(turn: Turn) -> str:
    """What to call them; empty for somebody of whom no name is known."""
    contact, user = turn.contact, turn.contact.user
    own = contact.first_name or contact.username
    return own or (user.first_name or user.username if user is not None else "")


@bot.command("help")
@logged
def help_(turn: Turn) -> Answer:
    language = turn.language
    lines = [words(language, "help"), *_listed(language, COMMANDS)]
    if turn.is_operator:
        lines += ["", words(language, "help_operators"), *_listed(language, OPERATORS_COMMANDS)]
    return Text(text="\n".join(lines), buttons=menu_buttons(language))


def _listed(language: str, commands: tuple[str, ...]) -> list[str]:
    return [f"/{command} · {words(language, f'command_{command}')}" for command in commands]


@pressed("menu")
@logged
def menu(turn: Turn) -> Answer:
    return Text(text=words(turn.language, "menu"), buttons=menu_buttons(turn.language), replace=True)


@bot.command("random")
@pressed("random")
@logged
def random(turn: Turn) -> Answer:
    verse = random_verse(turn.language)
    if verse is None:
        return Text(text=words(turn.language, "no_verses"), buttons=menu_buttons(turn.language))
    return _shown(turn, verse)


@pressed("add:")
@logged
def add(turn: Turn) -> Answer:
    verse = verse_with_id(number_in(turn.rest))
    if verse is None:
        return Text(text=words(turn.language, "verse_gone"), buttons=menu_buttons(turn.language))
    if not is_favourite(same_person(turn.contact), verse.pk):
        add_favourite(contact=turn.contact.pk, verse=verse.pk)
    return _shown(turn, verse, note="added", replace=True)


@pressed("drop:")
@logged
def drop(turn: Turn) -> Answer:
    verse = verse_with_id(number_in(turn.rest))
    if verse is None:
        return Text(text=words(turn.language, "verse_gone"), buttons=menu_buttons(turn.language))
    remove_favourite(contacts=same_person(turn.contact), verse=verse.pk)
    return _shown(turn, verse, note="removed", replace=True)


def _shown(turn: Turn, verse: Verse, *, note: str = "", replace: bool = False) -> Text:
    text = verse_text(verse) + (f"\n\n({words(turn.language, note)})" if note else "")
    kept = is_favourite(same_person(turn.contact), verse.pk)
    return Text(text=text, buttons=verse_buttons(turn.language, verse, kept=kept), replace=replace)


@logged
def unknown(turn: Turn) -> Answer:
    return Text(text=words(turn.language, "unknown"), buttons=menu_buttons(turn.language))
