"""Rehearses a bot: for its own tests, without a platform, a worker or a database of messages.

Whatever it answers is shown to every platform's adapter, so that what one of them has no form for is found here, and not by
somebody who waits for an answer.
"""

import asyncio
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from django.apps import apps

from bots.bot import Turn, bots, contents_of
from messaging.content import AnyContent, Cards, QuickReplies, Text
from messaging.heard import Heard, Kind, pressed, said
from webhooks.platforms import PLATFORMS


class Rehearsal:
    """One person and a bot of `BOT_MODULES`. What they do returns what the bot says to it.

    `answers` is all that it has said, `state` what it remembers of them; `settings` as edited in the admin.
    """

    def __init__(
        self,
        bot: str,
        *,
        language: str = "en",
        is_operator: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.answers: list[AnyContent] = []
        self.state: dict[str, Any] = {}
        self._bot = bots()[bot]
        self._contact = apps.get_model("messaging", "Contact")(
            platform="rehearsal", account=bot, external_id="1", language=language
        )
        self._is_operator = is_operator
        self._settings = settings or {}
        self._is_new = True

    def says(self, text: str) -> Sequence[AnyContent]:
        """Words, or a command."""
        return self.does(said(text))

    def presses(self, title: str) -> Sequence[AnyContent]:
        """The newest button or suggested answer of that title. Raises `LookupError`."""
        for answer in reversed(self.answers):
            for shown, press, kind in _pressable(answer):
                if shown == title:
                    return self.does(pressed(press, kind=kind, title=title))
        raise LookupError(f"Nothing that the bot has said has a button {title!r}.")

    def does(self, heard: Heard) -> Sequence[AnyContent]:
        """Anything. Raises what the handler raises, and `CannotShow` for what a platform has no form for."""
        choice = self._bot.choose(heard)
        if choice is None:
            return []
        turn = Turn(
            bot=self._bot,
            contact=self._contact,
            heard=heard,
            state=self.state,
            settings=self._settings,
            language=self._contact.speaks,
            is_operator=self._is_operator,
            is_new=self._is_new,
            rest=choice.rest,
            match=choice.match,
        )
        answer = choice.handler(turn)
        answers = contents_of(asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer)
        for platform in PLATFORMS.values():
            for each in answers:
                platform.check(each)
        for effect in turn.effects:
            effect()
        for name, value in turn.learned.items():
            setattr(self._contact, name, value)
        self.state = orjson.loads(orjson.dumps(turn.state))  # as it comes back from the database
        self._is_new = False
        self.answers += answers
        return answers


async def _awaited(answer: Any) -> object:
    return await answer


def _pressable(content: AnyContent) -> Iterator[tuple[str, str, Kind]]:
    """Titles with what they press."""
    if isinstance(content, QuickReplies):
        yield from ((each.title, each.press, Kind.QUICK_REPLY) for each in content.replies)
        return
    rows = content.buttons if isinstance(content, Text) else []
    if isinstance(content, Cards):
        rows = [card.buttons for card in content.cards]
    yield from (
        (each.title, each.press, Kind.BUTTON) for row in rows for each in row if each.press is not None
    )
