"""Two web processes on PostgreSQL and Redis, killed and cut off while people write: the promise, by its history.

PARLEY_FAULTS=full runs the long form; PARLEY_FAULTS_SEED repeats a run's choices.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

import pytest

from asgi_app.storm.history import assert_kept
from messaging.commands import FEED_URI
from messaging.database import DatabaseThreads
from messaging.queries.whole_log import read_log
from tests.faults.crew import Crew
from tests.faults.readers import SdkReader
from tests.faults.stage import Person, make_people, make_room
from tests.faults.writers import Writer
from tests.live_server import LiveServer
from tests.services import Valkey

Start = Callable[..., Awaitable[LiveServer]]

pytestmark = [pytest.mark.needs_postgres, pytest.mark.needs_redis]


@dataclass(frozen=True)
class Scale:
    """How much is written, and what happens meanwhile."""

    messages: int
    kills: int
    outages: int
    """Of Redis."""
    limit_s: float
    how_killed: tuple[int, int, int]
    """How often one process is killed, how often both, and how often one is told to stop as in a deploy."""
    writers: int = 8


AT_ONCE_S = 2
"""Sooner than anything but the bell through Redis would be."""

SMALL = Scale(messages=50, kills=1, outages=1, limit_s=60, how_killed=(1, 0, 0))
FULL = Scale(messages=500, kills=5, outages=3, limit_s=540, how_killed=(6, 2, 2))
SCALE = FULL if os.environ.get("PARLEY_FAULTS") == "full" else SMALL


async def test_a_post_through_one_process_reaches_sockets_on_the_other(
    start_server: Start, database: DatabaseThreads, rng: Random
) -> None:
    here, there = await asyncio.gather(start_server(), start_server())
    alice, bob = await database.run(make_people, 2)
    room = await database.run(make_room, [alice, bob])
    crew = Crew([here], room, rng)
    writers = [crew.writer(alice, [crew.socket(alice, here)]), crew.writer(bob, crew.rest(bob))]
    reader = crew.sdk("bob", bob, there)
    async with crew:
        for writer in writers:
            await writer.write(1)
            log = await database.run(read_log, room)
            async with asyncio.timeout(AT_ONCE_S):
                await reader.watch.seen.reaches(log.last_seq)
    assert_kept(crew.history, log)
    assert crew.history.sights("live") == len(writers)


@pytest.mark.timeout(SCALE.limit_s + 60)
@pytest.mark.parametrize("kind", ["room", "feed"])
async def test_nothing_acknowledged_is_lost_and_everybody_sees_everything_once_in_order(
    start_server: Start, database: DatabaseThreads, valkey: Valkey, rng: Random, kind: str
) -> None:
    """The feed is read from memory where it can be, and by everybody."""
    servers = await asyncio.gather(start_server(), start_server())
    *people, charlie = await database.run(make_people, SCALE.writers + 3)
    chat = await database.run(make_room, people) if kind == "room" else FEED_URI
    crew = Crew(servers, chat, rng)
    outsider = crew.outsider(charlie) if kind == "room" else None
    run = Run(crew, servers, people)
    try:
        async with asyncio.timeout(SCALE.limit_s), crew:
            began = time.monotonic()
            await run.happens(valkey)
            await run.ends_without_redis(valkey)
            written = time.monotonic()
            log = await database.run(read_log, chat)
            await crew.have_all_seen(log.last_seq)
            sys.stdout.write(
                f"written in {written - began:.1f} s, seen by all {time.monotonic() - written:.1f} s later\n"
            )
    finally:
        crew.report()
    assert_kept(crew.history, log)
    # And it was a trial: everything that was to happen has happened.
    assert log.message_count == SCALE.writers * (SCALE.messages + 1)
    assert run.happened == {"kill": SCALE.kills, "outage": SCALE.outages}
    assert crew.history.sights("replay") > 0
    assert outsider is None or outsider.refusals > 0
    used = sum((writer.used for writer in crew.writers), Counter[str]())
    assert used["socket"] > 0
    assert used["rest"] > 0


class Run:
    """What befalls a crew at two processes."""

    def __init__(self, crew: Crew, servers: Sequence[LiveServer], people: Sequence[Person]) -> None:
        self.happened: Counter[str] = Counter()
        self._crew = crew
        self._servers = servers
        # The last fifth is written when everything is over: what has come back must work.
        self._late = SCALE.messages // 5
        self._early_total = SCALE.writers * (SCALE.messages - self._late)
        *writing, erin, frank = people
        for at, person in enumerate(writing):
            socket = crew.socket(person, servers[at % 2], use_protobuf=at % 4 == 0)
            crew.writer(person, [socket, *crew.rest(person)])
        self._come_and_go: list[SdkReader] = []
        for at, server in enumerate(servers):
            # Some read who also write, some only read.
            crew.sdk(f"sdk-{at}", writing[at], server)
            crew.sdk(f"sdk-protobuf-{at}", erin, server, use_protobuf=True)
            self._come_and_go.append(crew.sdk(f"sdk-comes-and-goes-{at}", frank, server))
            crew.raw(f"raw-{at}", erin, [server])
            crew.raw(f"raw-wanders-{at}", frank, servers, wanders=True)

    async def happens(self, valkey: Valkey) -> None:
        """Everything is written, while processes are killed and Redis goes and comes back."""
        it_is_over = asyncio.Event()

        async def write(writer: Writer) -> None:
            await writer.write(SCALE.messages - self._late)
            await it_is_over.wait()
            await writer.write(self._late)

        async with asyncio.TaskGroup() as group:
            for writer in self._crew.writers:
                group.create_task(write(writer))
            for reader in self._come_and_go:
                group.create_task(self._comes_and_goes(reader, self._crew.dice()))
            await asyncio.gather(self._kills(self._crew.dice()), self._outages(valkey, self._crew.dice()))
            it_is_over.set()

    async def ends_without_redis(self, valkey: Valkey) -> None:
        """The last words, which no bell tells of and nothing follows that could show a gap."""
        await asyncio.to_thread(valkey.stop)
        await asyncio.gather(*(writer.write(1) for writer in self._crew.writers))

    async def _comes_and_goes(self, reader: SdkReader, dice: Random) -> None:
        while self._crew.acknowledged.value < self._early_total:
            await self._more_is_written(dice.randint(10, 40))
            await reader.cut_off()
            await self._more_is_written(dice.randint(10, 60))
            await reader.come_back()

    async def _kills(self, dice: Random) -> None:
        for moment in self._moments(SCALE.kills, dice):
            await self._crew.acknowledged.reaches(moment)
            how = dice.choices(("one", "both", "gently"), SCALE.how_killed)[0]
            if how == "both":
                await asyncio.gather(*(server.kill() for server in self._servers))
                await asyncio.gather(*(server.start() for server in self._servers))
            else:
                server = dice.choice(self._servers)
                if how == "one":
                    await server.kill()
                else:
                    assert await server.terminate() == 0
                await self._more_is_written(dice.randint(10, 40))
                await server.start()
            self.happened["kill"] += 1
            sys.stdout.write(f"killed: {how}\n")

    async def _outages(self, valkey: Valkey, dice: Random) -> None:
        ways = [(valkey.stop, valkey.start), (valkey.kill, valkey.start), (valkey.freeze, valkey.thaw)]
        for moment in self._moments(SCALE.outages, dice):
            await self._crew.acknowledged.reaches(moment)
            begin, end = dice.choice(ways)
            await asyncio.to_thread(begin)
            await self._more_is_written(dice.randint(10, 40))
            await asyncio.to_thread(end)
            self.happened["outage"] += 1
            sys.stdout.write(f"Redis: {begin.__name__}, {end.__name__}\n")

    def _moments(self, count: int, dice: Random) -> list[int]:
        return sorted(
            dice.randrange(self._early_total // 10, self._early_total * 2 // 3) for _ in range(count)
        )

    async def _more_is_written(self, count: int) -> None:
        written = self._crew.acknowledged
        await written.reaches(min(written.value + count, self._early_total))
