"""Workers killed with -9, a platform that is busy and broken at random, Redis restarted: every event is handled once, and
every answer arrives at least once and in order.

PARLEY_FAULTS=full runs the long form; PARLEY_FAULTS_SEED repeats a run's choices.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from django.db.models import Sum

from messaging.actions.journal import store_inbounds
from messaging.database import DatabaseThreads
from messaging.models import BotState, Delivery, Inbound, Message
from tests.faults.progress import Progress
from tests.kept_process import KeptProcess
from tests.messaging.soundness import assert_every_log_is_sound
from tests.services import ROOT, SERVICES, Valkey
from webhooks.fakes import FakeTelegram, Fault
from webhooks.platforms.telegram import TELEGRAM

BOT = "parrot"
STARTUP_S = 20
AT_ONCE = 50


@dataclass(frozen=True)
class Scale:
    contacts: int
    events_each: int
    kills: int
    limit_s: float


SMALL = Scale(contacts=12, events_each=8, kills=2, limit_s=90)
FULL = Scale(contacts=500, events_each=20, kills=5, limit_s=1500)
SCALE = FULL if os.environ.get("PARLEY_FAULTS") == "full" else SMALL


class Workers:
    """One worker process, of which the next begins when it is killed."""

    def __init__(self, database_url: str, fake: FakeTelegram, log: Path) -> None:
        self._log = log
        self._env = {
            **os.environ,
            "DATABASE_URL": database_url,
            "BOT_MODULES": "tests.bots.parrot",
            "TELEGRAM_BOTS": BOT,
            f"TELEGRAM_{BOT.upper()}_TOKEN": fake.token,
            "TELEGRAM_API_URL": fake.url,
            "TELEGRAM_PER_SECOND": "1000",
            "WORKER_LEASE_S": "3",
            "PLATFORM_TIMEOUT_S": "1",
            "LOG_LEVEL": "WARNING",
        }
        self._process: KeptProcess | None = None
        self.kills = 0

    async def begin(self) -> None:
        command = [sys.executable, "-m", "asgi_app.worker"]
        self._process = await asyncio.to_thread(
            lambda: KeptProcess(command, log=self._log, env=self._env, cwd=ROOT, directory=SERVICES.directory)
        )

    async def kill(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(self._process.kill)
            self.kills += 1

    async def end(self) -> None:
        if self._process is not None:
            await asyncio.to_thread(self._process.kill)
        text = self._log.read_text() if self._log.exists() else ""
        sys.stdout.write(f"--- the end of the workers' log\n{text[-3000:]}\n")


@pytest.fixture
async def fake(rng: Random) -> AsyncIterator[FakeTelegram]:
    with FakeTelegram(token="7000000001:canary") as fake:

        def at_random(method: str) -> Fault | None:
            draw = rng.random()
            if draw < 0.01:
                return Fault("429", retry_after_s=1)
            return Fault("500") if draw < 0.06 else None

        fake.choose_fault = at_random
        yield fake


@pytest.fixture
async def workers(database_url: str, fake: FakeTelegram, tmp_path: Path) -> AsyncIterator[Workers]:
    workers = Workers(database_url, fake, tmp_path / "workers.log")
    yield workers
    await workers.end()


@pytest.fixture
def redis(request: pytest.FixtureRequest) -> Valkey | None:
    """None on the embedded stack."""
    found: Valkey | None = request.getfixturevalue("valkey") if os.environ.get("REDIS_URL") else None
    return found


def paid() -> int:
    """How many events are handled and answered."""
    return Delivery.objects.exclude(state=Delivery.State.WAITING).count()


def store(fake: FakeTelegram, some: list[int], rng: Random) -> int:
    """Each of these people says one thing more; a platform repeats itself now and then. How often it did."""
    arrivals = [each for person in some for each in TELEGRAM.parse(BOT, fake.says(person, "count"))]
    again = [each for each in arrivals if rng.random() < 0.2]
    store_inbounds(arrivals)
    store_inbounds(again)
    return len(again)


async def watch(progress: Progress, database: DatabaseThreads) -> None:
    while True:
        progress.rise(await database.run(paid))
        await asyncio.sleep(0.1)


async def cause_trouble(workers: Workers, progress: Progress, total: int, valkey: Valkey | None) -> None:
    for kill in range(1, SCALE.kills + 1):
        await progress.reaches(total * kill // (SCALE.kills + 1))
        await workers.kill()
        await workers.begin()
        if valkey is not None and kill == 1:
            await asyncio.to_thread(valkey.restart)


@pytest.mark.timeout(SCALE.limit_s + 60)
async def test_every_event_is_handled_once_and_every_answer_arrives_in_order(
    workers: Workers, fake: FakeTelegram, database: DatabaseThreads, redis: Valkey | None, rng: Random
) -> None:
    people = list(range(1, SCALE.contacts + 1))
    total = SCALE.contacts * SCALE.events_each
    progress, repeats, begun = Progress(), 0, time.monotonic()
    await workers.begin()
    async with asyncio.timeout(SCALE.limit_s):
        watcher = asyncio.create_task(watch(progress, database))
        trouble = asyncio.create_task(cause_trouble(workers, progress, total, redis))
        for _ in range(SCALE.events_each):
            rng.shuffle(people)
            for start in range(0, len(people), AT_ONCE):
                repeats += await database.run(store, fake, people[start : start + AT_ONCE], rng)
        await trouble
        await progress.reaches(total)
        watcher.cancel()
    await database.run(check, fake, people, repeats, workers.kills, time.monotonic() - begun)


def check(fake: FakeTelegram, people: list[int], repeats: int, kills: int, took_s: float) -> None:
    expected = [str(number) for number in range(1, SCALE.events_each + 1)]
    extra = 0
    for person in people:
        arrived = fake.said_to(person)
        extra += len(arrived) - len(expected)
        assert [text for at, text in enumerate(arrived) if text not in arrived[:at]] == expected, (
            person,
            arrived,
        )
        assert arrived == sorted(arrived, key=int), (person, arrived)
        answers = Message.objects.filter(chat__contact__external_id=str(person), author__isnull=False)
        assert list(answers.order_by("number").values_list("text", flat=True)) == expected
    lost = Delivery.objects.aggregate(Sum("lost"))["lost__sum"] or 0
    retried = Delivery.objects.aggregate(Sum("attempts"))["attempts__sum"] - Delivery.objects.count()
    sys.stdout.write(
        f"{len(people) * SCALE.events_each} events in {took_s:.1f} s, {repeats} came again, {kills} kills; {retried} "
        f"tries failed, {lost} were never recorded, {extra} answers arrived more than once\n"
    )
    assert extra <= lost
    assert set(Inbound.objects.values_list("state", flat=True)) == {Inbound.State.DONE.value}
    assert Inbound.objects.aggregate(Sum("repeats"))["repeats__sum"] == repeats
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.SENT.value}
    assert all(state.data == {"count": SCALE.events_each} for state in BotState.objects.all())
    assert BotState.objects.count() == len(people)
    assert_every_log_is_sound()
