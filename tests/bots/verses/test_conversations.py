"""The bot's conversations, whole, as scripts: the same on every door.

In a script `> words` are said and `* title` is the newest button of that title, pressed. What the bot said since then
must have `< words` in it, must not have `<not words`, must end with exactly the buttons of a line `[one] [two]`, and
must bring a file whose name begins as in `file name`.
"""

import re
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from messaging.models import User
from tests.bots.conftest import Worker
from tests.bots.verses.doors import Answer, Door, WebDoor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]

SCRIPTS = Path(__file__).parent / "scripts"
FOR_OPERATORS = {"operators"}


async def play(script: str, door: Door) -> None:
    """Raises with the line that did not hold."""
    before: list[Answer] = []
    for number, line in enumerate((SCRIPTS / f"{script}.txt").read_text(encoding="utf-8").splitlines(), 1):
        try:
            if line.startswith(("> ", "* ")):
                before = await door.answers()
                await (door.say(line[2:]) if line[0] == ">" else door.press(_button(before, line[2:], door)))
            elif line and not line.startswith("#"):
                _check(line, _since(before, await door.answers()), door)
        except (AssertionError, LookupError) as error:
            raise AssertionError(f"{script}.txt, line {number}: {line}\n{error}") from error


def _since(before: list[Answer], now: list[Answer]) -> list[Answer]:
    """What was said, or put in the place of something, since then."""
    return [answer for place, answer in enumerate(now) if place >= len(before) or before[place] != answer]


def _button(answers: list[Answer], title: str, door: Door) -> object:
    shown = _cut(title, door)
    found = [answer.buttons[shown] for answer in answers if shown in answer.buttons]
    assert found, f"There is no button {shown!r}; the last answer is {answers[-1:]}"
    return found[-1]


def _check(line: str, answers: list[Answer], door: Door) -> None:
    said = "\n".join(answer.text for answer in answers)
    if line.startswith("<not "):
        assert line[5:] not in said, said
    elif line.startswith("< "):
        assert line[2:] in said, said
    elif line.startswith("["):
        titles = [_cut(title, door) for title in re.findall(r"\[(.*?)\]", line)]
        assert list(answers[-1].buttons) == titles
    elif line.startswith("file "):
        assert any(answer.file.startswith(line[5:]) for answer in answers), answers
    else:
        raise AssertionError("This line is not understood.")


def _cut(title: str, door: Door) -> str:
    return title if len(title) <= door.title_length else f"{title[: door.title_length - 1]}…"


def scripts(*, for_operators: bool) -> list[str]:
    return sorted(
        file.stem for file in SCRIPTS.glob("*.txt") if (file.stem in FOR_OPERATORS) == for_operators
    )


@pytest.mark.parametrize("script", scripts(for_operators=False))
async def test_in_a_thread_on_the_web(worker: Worker, alice: User, script: str) -> None:
    await play(script, await sync_to_async(WebDoor)(worker, alice))


@pytest.mark.parametrize("script", scripts(for_operators=True))
async def test_an_operator_on_the_web(worker: Worker, olive: User, script: str) -> None:
    await play(script, await sync_to_async(WebDoor)(worker, olive))
