"""The verse bot with a small collection, and who reads."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import override_settings

from bots.inbox import Inbox
from bots.verses.actions.collection import import_verses
from bots.verses.formats import NewVerse
from bots.verses.models import Author, Verse
from messaging.actions.bots import enlist_bots
from messaging.database import DatabaseThreads
from messaging.models import Schedule
from tests.bots.conftest import Worker
from tests.bots.paper import Paper
from tests.messaging.soundness import assert_every_log_is_sound
from tests.webhooks.conftest import _threads_end, door, messenger, telegram  # noqa: F401 - fixtures
from webhooks.outbox import Outbox
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

    async def run(self) -> None:
        platforms: dict[str, Platform] = {"paper": self.paper, "telegram": TELEGRAM, "messenger": MESSENGER}
        outbox = Outbox(self.threads, self.wakes["outbox"], platforms)
        inbox = Inbox(self.threads, outbox, self.wakes["inbox"])
        async with asyncio.TaskGroup() as group:
            group.create_task(outbox.work(self.stop))
            group.create_task(inbox.work(self.stop))


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
async def worker(collection: dict[str, Verse]) -> AsyncIterator[Worker]:
    """An inbox and an outbox at work until the test ends."""
    worker = EveryPlatform(Page(), DatabaseThreads("bots", 4))
    running = asyncio.create_task(worker.run())
    yield worker
    worker.stop.set()
    await running
    worker.threads.close()
    await sync_to_async(assert_every_log_is_sound)()
    await sync_to_async(connections.close_all)()
