"""A bot's own tests: the guide's, as it stands there, and what they find that a platform has no form for."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bots import bot as registry
from bots.bot import Bot, Turn
from messaging.content import Button, Card, Cards, QuickReplies, QuickReply, Text
from messaging.heard import Heard, Kind
from tests.services import ROOT
from webhooks.platforms.base import CannotShow
from webhooks.rehearsal import Rehearsal

BOT, TEST = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "write-a-bot.md").read_text(), re.DOTALL)


@pytest.fixture(autouse=True)
def _for_these_tests_only() -> Iterator[None]:
    before = dict(registry._bots)
    yield
    registry._bots.clear()
    registry._bots.update(before)


def test_the_guides_test_holds() -> None:
    names: dict[str, Any] = {"__name__": "hello"}
    exec(BOT, names)  # noqa: S102 - what is tested is what stands there
    exec(TEST, names)  # noqa: S102
    names["test_the_bot_counts_and_remembers"]()


@pytest.fixture
def bot() -> Bot:
    bot = Bot("rehearsed")

    @bot.command("long")
    def answer_at_length(turn: Turn) -> QuickReplies:
        return QuickReplies(text="Which?", replies=[QuickReply(title="This", press="x" * 64)])

    @bot.command("where")
    async def ask(turn: Turn) -> Cards:
        turn.learn(language="fr")
        turn.effects.append(lambda: turn.state.update(asked=True))
        return Cards(cards=[Card(title="Here", buttons=[Button(title="Take", press="take:1")])])

    @bot.button("take:")
    def take(turn: Turn) -> list[Text]:
        return [Text(text=f"{turn.rest} {turn.language} {turn.settings['greeting']}")]

    @bot.command("wrong")
    def answer_nonsense(turn: Turn) -> Any:
        return "words alone"

    return bot


@pytest.mark.usefixtures("bot")
def test_what_a_platform_has_no_form_for_is_found() -> None:
    ada = Rehearsal("rehearsed", settings={"greeting": "hello"})
    with pytest.raises(CannotShow, match="63 bytes at most"):
        ada.says("/long")
    with pytest.raises(TypeError, match="contents such as Text"):
        ada.says("/wrong")
    assert ada.says("what nobody answers") == []
    [cards] = ada.says("/where")
    assert ada.state == {"asked": True}
    assert ada.presses("Take") == [Text(text="1 fr hello")]
    assert ada.answers == [cards, Text(text="1 fr hello")]
    with pytest.raises(LookupError, match="button 'Leave'"):
        ada.presses("Leave")
    assert ada.does(Heard(kind=Kind.STANDBY, text="to others")) == []
