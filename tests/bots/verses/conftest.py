"""The verse bot with a small collection, and who reads."""

from collections.abc import AsyncIterator, Iterator

import pytest
from django.test import override_settings

from bots.verses.actions.collection import import_verses
from bots.verses.formats import NewVerse
from bots.verses.models import Author, Verse
from messaging.actions.bots import enlist_bots
from messaging.database import DatabaseThreads
from messaging.models import Schedule
from tests.bots.conftest import Worker
from tests.bots.paper import Paper
from tests.webhooks.conftest import _threads_end, door, messenger, telegram  # noqa: F401 - fixtures
from webhooks.platforms.base import Limits, Platform
from webhooks.platforms.messenger import MESSENGER
from webhooks.platforms.telegram import TELEGRAM

VERSES = (
    ("Ann Ash", "Dew", 1999, "en", "Gone by nine.\nStill, mine."),
    ("Pablo Ruiz", "Rocío", 2001, "es", "Se fue a las nueve."),
    ("Jeanne Roy", "Rosée", 2003, "fr", "Partie à neuf heures."),
    ("Жанна Жук", "Гроза", 2005, "ru", "Ушла к девяти."),
)


class Page(Paper):
    """Paper on which people write to the verse bot."""

    def accounts(self) -> list[str]:
        return ["verses"]


class EveryPlatform(Worker):
    """Paper, and the platforms whose fakes a test has."""

    def platforms(self) -> dict[str, Platform]:
        return {"paper": self.paper, "telegram": TELEGRAM, "messenger": MESSENGER}


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message a second would be a long conversation."""
    for platform in (TELEGRAM, MESSENGER):
        monkeypatch.setattr(
            platform, "limits", Limits(per_second=1000, chat_interval_s=0.001, chat_burst=100)
        )


@pytest.fixture(autouse=True)
def _parrot() -> Iterator[None]:
    """No parrot here."""
    with override_settings(BOT_MODULES=["bots.verses.bot"]):
        yield


@pytest.fixture
def collection(transactional_db: None) -> dict[str, Verse]:
    """One verse in each language, by title."""
    Verse.objects.all().delete()
    Author.objects.all().delete()
    Schedule.objects.all().delete()
    enlist_bots(["verses"])
    keys = ("author", "title", "year", "language", "text")
    import_verses(
        (number, NewVerse.model_validate(dict(zip(keys, verse, strict=True))))
        for number, verse in enumerate(VERSES, 1)
    )
    return {verse.title: verse for verse in Verse.objects.all()}


@pytest.fixture
async def worker(collection: dict[str, Verse], bell_here: None) -> AsyncIterator[Worker]:
    """An inbox and an outbox at work until the test ends."""
    async with EveryPlatform(Page(), DatabaseThreads("bots", 4)).at_work() as worker:
        yield worker
