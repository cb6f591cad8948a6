"""A parrot on paper: the bot of the tests, its platform, and a worker that runs until there is nothing left to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Self

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from asgi_app.alarm import listen
from bots.inbox import Inbox
from messaging.actions.journal import store_inbounds
from messaging.bell import bell
from messaging.database import DatabaseThreads
from messaging.heard import Arrival, Heard, Kind, Profile, said
from messaging.models import Delivery, Inbound, Message
from tests.bots.paper import Paper
from tests.messaging.soundness import assert_every_log_is_sound
from webhooks.outbox import Outbox
from webhooks.platforms.base import Platform

LOOKS_UNTIL_WOKEN = 10
_numbers = count(1)


def arrival(person: str, heard: Heard | str | None, **fields: object) -> Arrival:
    """Something that a person did on paper."""
    if isinstance(heard, str):
        heard = said(heard, message_id=f"{person}-{next(_numbers)}")
    fields = {"external_id": f"event-{next(_numbers)}", "profile": Profile(first_name=person)} | fields
    return Arrival(
        platform="paper",
        account="parrot",
        person=person,
        raw={"from": person},
        happened_at=timezone.now(),
        heard=heard,
        **fields,  # type: ignore[arg-type]
    )


def pressed(press: str, about: str, **fields: object) -> Heard:
    return Heard(kind=Kind.BUTTON, press=press, about=about, editable=True, acknowledge="ack", **fields)  # type: ignore[arg-type]


@dataclass
class Worker:
    """An inbox and an outbox at work."""

    paper: Paper
    threads: DatabaseThreads
    wakes: dict[str, asyncio.Event] = field(
        default_factory=lambda: {"inbox": asyncio.Event(), "outbox": asyncio.Event()}
    )
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def platforms(self) -> dict[str, Platform]:
        return {"paper": self.paper}

    async def run(self) -> None:
        """As `asgi_app.worker` does, and woken as there."""
        outbox = Outbox(self.threads, self.wakes["outbox"], self.platforms())
        inbox = Inbox(self.threads, outbox, self.wakes["inbox"])
        alarm = asyncio.create_task(listen(self.wakes))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(outbox.work(self.stop))
                group.create_task(inbox.work(self.stop))
        finally:
            alarm.cancel()
            await asyncio.wait([alarm])

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Self]:
        """Until the end of the `with`; then every log must be sound."""
        running = asyncio.create_task(self.run())
        yield self
        self.stop.set()
        for wake in self.wakes.values():
            wake.set()
        await running
        self.threads.close()
        await sync_to_async(assert_every_log_is_sound)()
        await sync_to_async(connections.close_all)()  # of the thread that did this for the test

    async def take(self, *arrivals: Arrival) -> None:
        """Stores what has come, and returns when everything that follows from it is done."""
        await sync_to_async(store_inbounds)(arrivals)
        await self.settled()

    async def settled(self, within_s: float = 20) -> None:
        async with asyncio.timeout(within_s):
            for looks in count():
                if not await sync_to_async(something_waits)():
                    return
                if looks % LOOKS_UNTIL_WOKEN == 0:  # what a test has changed by itself rings no bell
                    for wake in self.wakes.values():
                        wake.set()
                await asyncio.sleep(0.01)


async def happens(what: Callable[[], Awaitable[object]], within_s: float = 10) -> None:
    """Returns when it does: for what follows of itself, and nothing that is settled waits for."""
    async with asyncio.timeout(within_s):
        while not await what():  # noqa: ASYNC110 - in the database, where nothing tells us
            await asyncio.sleep(0.01)


def something_waits() -> bool:
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING)
    return Inbound.objects.filter(state=Inbound.State.WAITING).exists() or waiting.exists()


def transcript(person: str) -> list[tuple[str, str]]:
    """What was said in a contact's chat, as it stands: by whom (`parrot`, `olive` …, or the contact) and what."""
    rows = Message.objects.filter(chat__contact__external_id=person).select_related("author", "contact")
    return [
        (row.author.username if row.author else row.contact.first_name if row.contact else "", row.text)
        for row in rows.order_by("number")
    ]


@pytest.fixture(autouse=True)
def _parrot() -> Iterator[None]:
    with override_settings(BOT_MODULES=["tests.bots.parrot"]):
        yield


@pytest.fixture
async def bell_here(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """It rings on this loop, as in a server that works for itself; afterwards it goes back to its own."""
    for name in ("_loop", "_own_loop", "_waiting", "_sender", "_marks", "_rung_for"):
        monkeypatch.setattr(bell, name, getattr(bell, name))
    bell.attach(asyncio.get_running_loop())
    yield
    await bell.end()


@pytest.fixture
async def worker(transactional_db: None, bell_here: None) -> AsyncIterator[Worker]:
    async with Worker(Paper(), DatabaseThreads("bots", 4)).at_work() as worker:
        yield worker


@pytest.fixture
async def second_worker(worker: Worker) -> AsyncIterator[Worker]:
    """As in another process: what the two share is in the database."""
    async with Worker(worker.paper, DatabaseThreads("others", 2)).at_work() as other:
        yield other


@pytest.fixture
def database(transactional_db: None) -> Iterator[DatabaseThreads]:
    """The core's own actions for an asynchronous test, which must not run them on the event loop."""
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)
