"""What the bot says, in each of its languages: `data/texts/<language>.json`."""

import json
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "es": "Español", "fr": "Français", "ru": "Русский"}
DEFAULT = "en"
FOLDER = Path(__file__).parent / "data" / "texts"


def words(language: str, key: str, /, **facts: object) -> str:
    """The text of that name, with the facts in their places; in English for a language that the bot does not speak."""
    return texts_in(language if language in LANGUAGES else DEFAULT)[key].format(**facts)


@cache
def texts_in(language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return texts
