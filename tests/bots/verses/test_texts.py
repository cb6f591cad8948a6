"""The bot's texts: none is missing in any language, and all fit where they are shown."""

import re
from string import Formatter

import pytest

from bots.verses.identity import COMMANDS, OPERATORS_COMMANDS, bot
from bots.verses.texts import DEFAULT, LANGUAGES, texts_in, words
from tests.services import ROOT

MESSENGERS_TITLE = 20


def facts_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_in_every_language_with_the_same_facts(language: str) -> None:
    ours, english = texts_in(language), texts_in(DEFAULT)
    assert ours.keys() == english.keys()
    for key, text in ours.items():
        assert text.strip(), key
        assert facts_in(text) == facts_in(english[key]), key
        alike = text == english[key]
        assert not alike or language == DEFAULT or key in {"button_menu", "choose_verse"}, (
            f"{key} is not translated"
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_of_buttons_fit_on_messenger(language: str) -> None:
    for key, text in texts_in(language).items():
        if key.startswith("button_"):
            assert len(text) <= MESSENGERS_TITLE, f"{key}: {text}"


def test_every_text_that_is_said_exists_and_every_one_that_exists_is_said() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "bots" / "verses").rglob("*.py"))
    for key in texts_in(DEFAULT):
        name = re.sub(r"^(button|command)_", "", key)
        assert f'"{name}"' in code, f"nobody says {key}"
    said = set(re.findall(r'words\(\s*[\w.]+,\s*"(\w+)"', code))
    assert said <= texts_in(DEFAULT).keys()
    shown = set(re.findall(r'button\(\s*[\w.]+,\s*"(\w+)"', code))
    assert {f"button_{key}" for key in shown} <= texts_in(DEFAULT).keys()


def test_platforms_list_the_commands_in_every_language() -> None:
    assert bot.commands.keys() == LANGUAGES.keys()
    for described in bot.commands.values():
        assert list(described) == list(COMMANDS)
        assert not set(described) & set(OPERATORS_COMMANDS)


def test_a_language_that_the_bot_does_not_speak_is_english() -> None:
    assert words("de", "menu") == words("en", "menu")
