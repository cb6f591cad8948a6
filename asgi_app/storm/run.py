"""One run: people are made, come, post and follow while the weather is bad, and in the end everything is compared."""

import asyncio
import contextlib
import secrets
import statistics
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from asgi_app.storm.history import Kind, Violation, check
from asgi_app.storm.people import Chat, Person, Toll
from messaging.actions.deployment import Actor, make_actors, make_actors_room, make_actors_thread
from messaging.database import DatabaseThreads
from messaging.queries.whole_log import read_log

ROOM_SIZE = 20
READS_AT_ONCE = 20
COME_WITHIN_S = 60.0
CATCH_UP_S = 30.0


@dataclass(frozen=True)
class Plan:
    """What is to happen. `rate` is posts a second of all together; `faults` are shell commands, each run once, at moments
    spread over the run; `cuts`, how often a third of all connections break off at once.
    """

    url: str
    people: int
    seconds: float
    rate: float
    seed: str
    rest_share: float = 0.2
    drop_every_s: float = 0.0
    cuts: int = 0
    faults: Sequence[str] = ()


@dataclass
class Verdict:
    """What came of it. Nothing may be lost, doubled or out of order, whatever the weather was."""

    plan: Plan
    toll: Toll
    violations: list[Violation]
    faults: list[str] = field(default_factory=list)

    LOST = {Kind.LOST, Kind.MISSED, Kind.STALE}
    DOUBLED = {Kind.TWICE, Kind.REPEATED}
    DISORDERED = {Kind.DISORDER, Kind.COMMIT_ORDER, Kind.HOLE, Kind.MOVED}

    def count(self, kinds: set[Kind]) -> int:
        return sum(violation.kind in kinds for violation in self.violations)

    @property
    def is_kept(self) -> bool:
        return not self.violations

    def lines(self) -> Iterable[str]:
        toll = self.toll
        others = len(self.violations) - sum(map(self.count, (self.LOST, self.DOUBLED, self.DISORDERED)))
        yield f"seed {self.plan.seed}: {self.plan.people} people, {self.plan.seconds:.0f} s"
        yield (
            f"lost {self.count(self.LOST)}, doubled {self.count(self.DOUBLED)}, "
            f"out of order {self.count(self.DISORDERED)}, otherwise wrong {others}"
        )
        yield f"posts acknowledged {toll.posts}, outcomes unknown at first {toll.unknown}"
        yield f"from sending to seeing: {_percentiles(toll.latencies_s)}"
        yield f"sockets back after a loss: {_percentiles(toll.comebacks_s)}"
        yield f"HTTP errors {dict(toll.http_errors)}, closes {dict(toll.closes)}"
        for violation in self.violations[:20]:
            yield f"  {violation}"


def percentile(values: Sequence[float], percent: int) -> float:
    """0 of nothing."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _percentiles(values: Sequence[float]) -> str:
    return (
        f"{len(values)}, p50 {1000 * percentile(values, 50):.0f} ms, p99 {1000 * percentile(values, 99):.0f} ms, "
        f"worst {1000 * max(values, default=0):.0f} ms"
    )


class Storm:
    """One run; `happen` is all of it. `begun`: everybody has come, and they begin to post."""

    def __init__(self, plan: Plan) -> None:
        self.begun = asyncio.Event()
        self._plan = plan
        self._rng = Random(plan.seed)
        self._toll = Toll()
        self._chats: list[Chat] = []
        self._database = DatabaseThreads("storm", 2)
        self._faults: list[str] = []

    async def happen(self) -> Verdict:
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
        try:
            async with httpx.AsyncClient(
                base_url=self._plan.url, timeout=20, limits=limits, trust_env=False
            ) as http:
                people = await self._make_people(http)
                await self._go_through(people)
                violations = await self._compare()
        finally:
            self._database.close(5)
        return Verdict(self._plan, self._toll, violations, self._faults)

    async def _make_people(self, http: httpx.AsyncClient) -> list[Person]:
        actors = await self._database.run(make_actors, f"storm-{secrets.token_hex(4)}", self._plan.people)
        chats_of: dict[int, list[Chat]] = {actor.id: [] for actor in actors}
        for start in range(0, len(actors), ROOM_SIZE):
            some = actors[start : start + ROOM_SIZE]
            self._meet(await self._database.run(make_actors_room, some), some, chats_of)
        for pair in zip(actors[::2], actors[1::2], strict=False):
            self._meet(await self._database.run(make_actors_thread, pair), pair, chats_of)
        reads_at_once = asyncio.Semaphore(READS_AT_ONCE)
        return [
            Person(
                user_id=actor.id,
                username=actor.username,
                token=actor.token,
                chats=chats_of[actor.id],
                url=self._plan.url,
                http=http,
                reads_at_once=reads_at_once,
                toll=self._toll,
                rng=Random(self._rng.random()),
            )
            for actor in actors
        ]

    def _meet(self, uri: str, actors: Sequence[Actor], chats_of: dict[int, list[Chat]]) -> None:
        chat = Chat(uri)
        self._chats.append(chat)
        for actor in actors:
            chats_of[actor.id].append(chat)

    async def _go_through(self, people: list[Person]) -> None:
        following = [asyncio.create_task(person.live()) for person in people]
        try:
            async with asyncio.timeout(COME_WITHIN_S):
                await asyncio.gather(*(person.follows.wait() for person in people))
            self.begun.set()
            weather = [
                asyncio.create_task(each)
                for each in (self._drop(people), *self._cut(people), *map(self._befall, self._plan.faults))
            ]
            await self._post(people)
            for each in weather[1:]:
                await each
            weather[0].cancel()
            await self._catch_up(people)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    async def _post(self, people: list[Person]) -> None:
        """Each moment somebody; who is still at it posts the next one after it."""
        ends_at = time.monotonic() + self._plan.seconds
        posting: set[asyncio.Task[None]] = set()
        while time.monotonic() < ends_at:
            by_rest = self._rng.random() < self._plan.rest_share
            task = asyncio.create_task(self._rng.choice(people).post(by_rest=by_rest))
            posting.add(task)
            task.add_done_callback(posting.discard)
            await asyncio.sleep(self._rng.expovariate(self._plan.rate))
        await asyncio.gather(*posting)

    # The weather

    def _moment_s(self) -> float:
        return self._rng.uniform(0.1, 0.8) * self._plan.seconds

    async def _drop(self, people: list[Person]) -> None:
        """Now and then somebody's connection is gone."""
        if not self._plan.drop_every_s:
            return
        while True:
            await asyncio.sleep(self._rng.expovariate(len(people) / self._plan.drop_every_s))
            self._rng.choice(people).drop()

    def _cut(self, people: list[Person]) -> list[Coroutine[Any, Any, None]]:
        return [self._cut_once(people, self._moment_s()) for _ in range(self._plan.cuts)]

    async def _cut_once(self, people: list[Person], after_s: float) -> None:
        await asyncio.sleep(after_s)
        for person in self._rng.sample(people, max(1, len(people) // 3)):
            person.drop()
        self._faults.append("cut")

    async def _befall(self, command: str) -> None:
        await asyncio.sleep(self._moment_s())
        process = await asyncio.create_subprocess_shell(command)
        self._faults.append(f"{command}: {await process.wait()}")

    # The end

    async def _catch_up(self, people: list[Person]) -> None:
        """Whoever has not seen all by then is told by the comparison."""
        logs = [await self._database.run(read_log, chat.uri) for chat in self._chats]
        heads = {chat.uri: log.last_seq for chat, log in zip(self._chats, logs, strict=True)}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while not all(person.is_at(heads) for person in people):  # noqa: ASYNC110 - of many, and rarely
                    await asyncio.sleep(0.05)
                await asyncio.gather(*(person.settled() for person in people))

    async def _compare(self) -> list[Violation]:
        violations: list[Violation] = []
        for chat in self._chats:
            violations += check(chat.history, await self._database.run(read_log, chat.uri))
        return violations
