"""What a platform must be able to do: the words between the doors in and out and each platform's adapter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from messaging.content import AnyContent, Typing
from messaging.errors import Invalid
from messaging.heard import Arrival, Profile


@dataclass(frozen=True)
class Limits:
    """What a platform lets us send. A contact may get `chat_burst` messages at once, then one per
    `chat_interval_s`."""

    per_second: float
    chat_interval_s: float
    chat_burst: int


@dataclass(frozen=True)
class Outgoing:
    """One thing to be sent to one person.

    `edits`: the platform's id of the message whose place it takes, if the platform can. `sent_before`: the ids of the
    parts that an earlier try got through; those are not sent again. `heard_at` is when the person last said something,
    `by_human` whether a person wrote this: the 24-hour window depends on both.
    """

    account: str
    person: str
    content: AnyContent | Typing
    edits: str = ""
    sent_before: tuple[str, ...] = ()
    by_human: bool = False
    heard_at: datetime | None = None


@dataclass(frozen=True)
class Sent:
    """The platform has it. `external_ids` of all its parts in order, those of earlier tries too."""

    external_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetryAt:
    """Not now: again in `seconds`, if the platform named a time, else after a back-off. `whole_account`: nothing else
    of this account is sent before then either. `sent` are the parts that got through. `is_unknown`: there was no answer,
    so that the platform may have done it all the same.
    """

    seconds: float | None
    reason: str
    whole_account: bool = False
    sent: tuple[str, ...] = ()
    is_unknown: bool = False


@dataclass(frozen=True)
class Refused:
    """Never. `unreachable`: nor anything else to this person, until they come back. `skipped`: not an error, the
    platform's rules forbid it at this time (a window has closed)."""

    code: str
    sentence: str
    unreachable: bool = False
    skipped: bool = False
    sent: tuple[str, ...] = ()


SendOutcome = Sent | RetryAt | Refused


class CannotShow(Invalid):
    """A content that this platform has no form for; raised by `check`, so that a bot's test finds it first."""

    code = "cannot_show"


class Platform(Protocol):
    """One platform's adapter, for all of its accounts. Errors that it returns or raises never contain a token."""

    name: str
    limits: Limits
    edits: bool
    """Whether it can put other words in a message's place."""

    def accounts(self) -> list[str]:
        """The accounts that are configured to send."""

    def parse(self, account: str, body: Mapping[str, Any]) -> list[Arrival]:
        """All events in one verified body. Never raises for one bad event: that one's `heard` is None."""

    def check(self, content: AnyContent) -> None:
        """Raises `CannotShow`."""

    async def send(self, client: httpx.AsyncClient, outgoing: Outgoing) -> SendOutcome:
        """Sends it; does not raise for what the platform or the network does."""

    async def acknowledge(self, client: httpx.AsyncClient, account: str, acknowledge: str) -> None:
        """Stops a pressed button from spinning, where platforms do so. Losable: raises nothing."""

    async def profile(self, client: httpx.AsyncClient, account: str, person: str) -> Profile | None:
        """What the platform says of a person; None if it does not say now."""
