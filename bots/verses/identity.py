"""The verse bot itself: its name, what platforms list of it, and what its handlers have in common."""

from collections.abc import Callable
from functools import wraps

from bots.bot import Answer, Bot, Turn
from bots.verses import NAME
from bots.verses.actions.readers import log_action, meet_reader
from bots.verses.clock import clock_of
from bots.verses.models import Reader
from bots.verses.pieces import menu_buttons
from bots.verses.texts import LANGUAGES, words
from messaging.content import Text

COMMANDS = (
    *("start", "help", "random", "favourites", "daily", "settings", "language", "zone"),
    *("ask_location", "link", "unlink"),
)
OPERATORS_COMMANDS = ("stats", "export_users", "broadcast")

bot = Bot(
    NAME,
    description="A random verse, your favourites, and a verse a day.",
    commands={
        language: {command: words(language, f"command_{command}") for command in COMMANDS}
        for language in LANGUAGES
    },
)

Quick = Callable[[Turn], Answer]


def logged(handler: Quick) -> Quick:
    """Whoever uses it is a reader; that they did is in the action log."""

    @wraps(handler)
    def handle(turn: Turn) -> Answer:
        reader_of(turn)
        log_action(contact=turn.contact.pk, name=handler.__name__)
        return handler(turn)

    return handle


def for_operators(handler: Quick) -> Quick:
    @wraps(handler)
    def handle(turn: Turn) -> Answer:
        if not turn.is_operator:
            return Text(text=words(turn.language, "operators_only"), buttons=menu_buttons(turn.language))
        return handler(turn)

    return handle


def pressed(prefix: str) -> Callable[[Quick], Quick]:
    """For a button whose press begins so."""

    def register(handler: Quick) -> Quick:
        bot.button(prefix)(handler)
        return handler

    return register


def reader_of(turn: Turn) -> Reader:
    return meet_reader(contact=turn.contact.pk, hour=hour_of(turn.settings.get("hour", "")))


def hour_of(text: str, default: int = 9) -> int:
    """An hour as somebody wrote it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) < 24 else default


def zone_of(turn: Turn) -> str:
    """The reader's own time zone, or the one that operators have set for all who have none."""
    return clock_of(turn.contact.time_zone or turn.settings.get("zone", "")).key


def clock_face(hour: int) -> str:
    return f"{hour}:00"


def number_in(text: str) -> int:
    """An id that came back in a press; 0, which no row has, for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
