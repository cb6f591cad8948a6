"""A broadcast whose workers are killed with -9 while Telegram is busy and broken at random: everybody gets it, and more than
once only where a worker died between Telegram's answer and our record.

PARLEY_FAULTS=full runs the long form.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from messaging.actions.bots import enlist_bots
from messaging.actions.broadcasts import confirm_broadcast, draft_broadcast_to_everybody
from messaging.content import Text
from messaging.database import DatabaseThreads
from messaging.models import Broadcast, Chat, Contact, Message, Recipient, User
from messaging.queries.broadcasts import progress_of
from tests.faults.progress import Progress
from tests.faults.test_bots import BOT, Workers, workers  # noqa: F401 - a fixture
from tests.messaging.soundness import assert_every_log_is_sound
from webhooks.fakes import FakeTelegram, Fault

HELLO = "Good news, everybody"


@dataclass(frozen=True)
class Scale:
    people: int
    kills: int
    limit_s: float


SCALE = Scale(2000, 5, 600) if os.environ.get("PARLEY_FAULTS") == "full" else Scale(150, 2, 60)


@pytest.fixture
def fake(rng: Random) -> Iterator[FakeTelegram]:
    """Often slow to answer, so that kills fall between its answer and our record."""
    with FakeTelegram(token="7000000001:canary") as fake:

        def at_random(method: str) -> Fault | None:
            draw = rng.random()
            if draw < 0.05:
                return Fault("429" if draw < 0.005 else "500")
            return Fault("slow", wait_s=0.1, is_done=True) if draw < 0.5 else None

        fake.choose_fault = at_random
        yield fake


def begin_broadcast(fake: FakeTelegram, olive: User) -> int:
    """To so many people, confirmed."""
    enlist_bots([BOT])
    for person in range(1, SCALE.people + 1):
        fake.person(person)
        chat = Chat.objects.create(kind=Chat.Kind.CONTACT)
        Contact.objects.create(platform="telegram", account=BOT, external_id=str(person), chat=chat)
    draft = draft_broadcast_to_everybody(bot=BOT, content=Text(text=HELLO), author=olive)
    return confirm_broadcast(broadcast=draft.pk, user=olive).pk


def settled() -> int:
    return Recipient.objects.exclude(state__in=[Recipient.State.WAITING, Recipient.State.HANDED]).count()


def is_done() -> bool:
    return Broadcast.objects.get().state == Broadcast.State.DONE


async def watch(progress: Progress, database: DatabaseThreads) -> None:
    while True:
        progress.rise(await database.run(settled))
        await asyncio.sleep(0.02)


@pytest.mark.timeout(SCALE.limit_s + 60)
async def test_everybody_gets_it_whatever_is_killed(
    workers: Workers,  # noqa: F811 - a fixture
    fake: FakeTelegram,
    database: DatabaseThreads,
    olive: User,
) -> None:
    await database.run(begin_broadcast, fake, olive)
    progress, begun = Progress(), time.monotonic()
    await workers.begin()
    async with asyncio.timeout(SCALE.limit_s):
        watcher = asyncio.create_task(watch(progress, database))
        for kill in range(1, SCALE.kills + 1):
            await progress.reaches(SCALE.people * kill // (SCALE.kills + 2))
            await workers.kill()
            await workers.begin()
        await progress.reaches(SCALE.people)
        watcher.cancel()
        while not await database.run(is_done):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.02)
    await database.run(check, fake, workers.kills, time.monotonic() - begun)


def check(fake: FakeTelegram, kills: int, took_s: float) -> None:
    arrived = [fake.said_to(person) for person in range(1, SCALE.people + 1)]
    assert all(set(said) == {HELLO} for said in arrived)
    extra = sum(len(said) - 1 for said in arrived)
    (progress,) = progress_of([Broadcast.objects.get().pk]).values()
    sys.stdout.write(
        f"{SCALE.people} recipients in {took_s:.1f} s, {kills} kills; {progress.lost} tries were never recorded, "
        f"{extra} messages arrived more than once\n"
    )
    assert kills == SCALE.kills
    assert extra <= progress.lost
    assert (progress.total, progress.sent) == (SCALE.people, SCALE.people)
    assert Message.objects.count() == SCALE.people
    assert_every_log_is_sound()
