"""Our accounts on the platforms, as the environment names them: `TELEGRAM_BOTS`, `MESSENGER_PAGES`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

MAX_REMEMBERED = 100

logger = logging.getLogger("parley.webhooks")


@dataclass(frozen=True)
class TelegramAccount:
    """A bot. What it lacks is an empty string; `secrets`: the first is the one in use, others are on their way out."""

    name: str
    token: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class MessengerAccount:
    """A page, the same way."""

    name: str
    page_id: str
    app_secrets: tuple[str, ...] = field(repr=False)
    verify_token: str = field(repr=False)
    access_token: str = field(repr=False)


def telegram_account(name: str) -> TelegramAccount | None:
    accounts: Mapping[str, Any] = settings.TELEGRAM_BOTS
    return TelegramAccount(name=name, **accounts[name]) if name in accounts else None


def messenger_account(name: str) -> MessengerAccount | None:
    accounts: Mapping[str, Any] = settings.MESSENGER_PAGES
    return MessengerAccount(name=name, **accounts[name]) if name in accounts else None


class Complaints:
    """Says once per process what an endpoint lacks: strangers ask often."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def lacks(self, path: str, variable: str) -> None:
        """`path` comes from outside, so the caller has bounded and checked it."""
        if path not in self._said and len(self._said) < MAX_REMEMBERED:
            self._said.add(path)
            logger.warning("%s does not exist until %s is set", path, variable)


complaints = Complaints()
