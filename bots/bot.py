"""Bots: what one is made of, and which there are. How to write one: docs/write-a-bot.md."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings

from messaging.content import AnyContent, Cards, File, Image, LocationRequest, QuickReplies, Text
from messaging.heard import ANSWERABLE, Heard, Kind

if TYPE_CHECKING:
    from messaging.models import Contact

WEB = "web"
Answer = AnyContent | Iterable[AnyContent] | None


@dataclass(kw_only=True)
class Turn:
    """One thing that a contact did, and what a handler may know and keep.

    `state` is the bot's own small JSON document about this contact: what the handler changes in it is saved together
    with the answers. `settings` are the bot's settings as edited in the admin. `effects` are run in the transaction
    that records the answers; an asynchronous handler, which runs outside of it, puts its writes there.
    """

    bot: "Bot"
    contact: "Contact"
    heard: Heard
    state: dict[str, Any]
    settings: Mapping[str, str]
    language: str
    is_operator: bool
    is_new: bool = False
    """Whether this is the first thing that we ever heard of the contact."""
    match: re.Match[str] | None = None
    """What the handler's pattern matched."""
    rest: str = ""
    """Of a press: what follows the handler's prefix. Of a command: its argument."""
    effects: list[Callable[[], object]] = field(default_factory=list)
    learned: dict[str, Any] = field(default_factory=dict)

    @property
    def platform(self) -> str:
        return self.contact.platform

    @property
    def account(self) -> str:
        return self.contact.account

    def learn(
        self,
        *,
        language: str | None = None,
        time_zone: str | None = None,
        location: tuple[float, float] | None = None,
        place: str | None = None,
    ) -> None:
        """Keeps what the contact has told of themselves; saved together with the answers."""
        told = {
            "chosen_language": language,
            "time_zone": time_zone,
            "latitude": location[0] if location else None,
            "longitude": location[1] if location else None,
            "place": place,
        }
        self.learned |= {name: value for name, value in told.items() if value is not None}


Handler = Callable[[Turn], Answer | Awaitable[Answer]]
Decorator = Callable[[Handler], Handler]


@dataclass(frozen=True)
class _Rule:
    """What a decorator said its handler is for."""

    handler: Handler
    kind: Kind
    word: str | None = None
    prefix: str | None = None
    pattern: re.Pattern[str] | None = None

    def choice(self, heard: Heard) -> "Choice | None":
        """The handler with what it matched, if it is for this."""
        if heard.kind != self.kind:
            return None
        if self.word is not None:
            return Choice(self.handler, heard.argument) if heard.command == self.word else None
        said = heard.press if heard.kind in {Kind.BUTTON, Kind.QUICK_REPLY} else heard.text
        if self.prefix is not None:
            rest = said.removeprefix(self.prefix)
            return Choice(self.handler, rest) if said.startswith(self.prefix) else None
        if self.pattern is not None:
            match = self.pattern.search(said)
            return Choice(self.handler, "", match) if match is not None else None
        return Choice(self.handler, heard.argument)


@dataclass(frozen=True)
class Choice:
    """A handler, and what its pattern or prefix left it: `Turn.rest` and `Turn.match`."""

    handler: Handler
    rest: str
    match: re.Match[str] | None = None


# Nobody expects these to be answered.
_SILENT = {Kind.STANDBY, Kind.REACTION, Kind.OPT_IN}


class Bot:
    """A bot is its handlers: the first that matches answers.

    `commands` are what platforms list (word → description, in the language of the key: `{"en": {"help": "Help"}}`).
    A synchronous handler runs inside the transaction that records its answers: what it writes and what it says happen
    together or not at all, so it must be quick. What is slow (the network) is for asynchronous ones.
    """

    def __init__(
        self,
        name: str,
        *,
        description: str = "",
        apology: str = "Sorry, something went wrong. It has been written down.",
        commands: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise ValueError(f"A bot's name has small letters, digits and _ only, got {name!r}.")
        self.name = name
        self.description = description
        self.apology = apology
        self.commands = commands or {}
        self._rules: list[_Rule] = []
        self._fallback: Handler | None = None
        if name in _bots:
            raise ValueError(f"There is a bot {name!r} already.")
        _bots[name] = self

    def command(self, *words: str) -> Decorator:
        """`/word argument`; the argument is `turn.rest`."""

        def register(handler: Handler) -> Handler:
            for word in words:
                self._register(Kind.COMMAND, word=word.lower())(handler)
            return handler

        return register

    def text(self, pattern: str | None = None) -> Decorator:
        """Words in which the pattern is found, without regard to case; any words without one."""
        return self._register(Kind.TEXT, pattern=pattern)

    def button(self, prefix: str | None = None, *, pattern: str | None = None) -> Decorator:
        """A pressed button whose `press` begins with the prefix; what follows is `turn.rest`."""
        return self._register(Kind.BUTTON, prefix=prefix, pattern=pattern)

    def quick_reply(self, prefix: str | None = None, *, pattern: str | None = None) -> Decorator:
        return self._register(Kind.QUICK_REPLY, prefix=prefix, pattern=pattern)

    def attachment(self) -> Decorator:
        return self._register(Kind.ATTACHMENT)

    def location(self) -> Decorator:
        return self._register(Kind.LOCATION)

    def referral(self) -> Decorator:
        """Came by a link without a word; its payload is `turn.rest`. Telegram's come as `/start payload`."""
        return self._register(Kind.REFERRAL)

    def opt_in(self) -> Decorator:
        return self._register(Kind.OPT_IN)

    def reaction(self) -> Decorator:
        return self._register(Kind.REACTION)

    def standby(self) -> Decorator:
        """Said while another app has the thread: what is answered here is still sent."""
        return self._register(Kind.STANDBY)

    def fallback(self) -> Decorator:
        """Whatever no other handler is for; but not standby, reactions and opt-ins."""

        def register(handler: Handler) -> Handler:
            self._fallback = handler
            return handler

        return register

    def choose(self, heard: Heard) -> Choice | None:
        """The first handler that matches."""
        for rule in self._rules:
            if (choice := rule.choice(heard)) is not None:
                return choice
        if self._fallback is None or heard.kind not in ANSWERABLE - _SILENT:
            return None
        return Choice(self._fallback, heard.argument)

    def _register(
        self, kind: Kind, *, word: str | None = None, prefix: str | None = None, pattern: str | None = None
    ) -> Decorator:
        compiled = re.compile(pattern, re.IGNORECASE) if pattern is not None else None

        def register(handler: Handler) -> Handler:
            self._rules.append(_Rule(handler, kind, word, prefix, compiled))
            return handler

        return register


_CONTENTS = (Text, QuickReplies, Image, File, Cards, LocationRequest)


def contents_of(answer: object) -> list[AnyContent]:
    """What a handler returned, as a list; raises `TypeError` for what is no content."""
    answers: list[AnyContent]
    if answer is None:
        return []
    if isinstance(answer, _CONTENTS):
        return [answer]
    answers = list(answer) if isinstance(answer, Iterable) and not isinstance(answer, str) else [answer]  # type: ignore[list-item]
    for each in answers:
        if not isinstance(each, _CONTENTS):
            raise TypeError(f"A handler returns contents such as Text(…), not {each!r}.")
    return answers


_bots: dict[str, Bot] = {}


def bots() -> dict[str, Bot]:
    """All bots of the modules that `BOT_MODULES` names, by name."""
    for module in settings.BOT_MODULES:
        import_module(module)
    return dict(_bots)


def bot_for(platform: str, account: str) -> Bot | None:
    """Who answers for a platform's account: whom `BOT_ACCOUNTS` names, or the one of the account's name, or the only
    one there is.
    """
    known = bots()
    name = settings.BOT_ACCOUNTS.get(f"{platform}/{account}", account)
    if name in known or platform == WEB:
        return known.get(name)
    return next(iter(known.values())) if len(known) == 1 else None
