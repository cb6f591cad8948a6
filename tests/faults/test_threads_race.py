"""Threads opened, written to and closed by fifty requests at once: one active thread a person, and nothing after the end.

On PostgreSQL two processes are raced against each other, on SQLite there is one.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import pytest
from django.db.models import Count

from asgi_app.storm.history import History, assert_kept
from messaging.database import DatabaseThreads
from messaging.models import Chat, Member, ThreadSlot
from messaging.queries.whole_log import Log, read_log
from tests.faults.readers import Pages
from tests.faults.stage import Person, make_people
from tests.live_server import LiveServer
from tests.services import STACK

Start = Callable[..., Awaitable[LiveServer]]

AT_ONCE = 50
CLOSED = "chat.closed"
OPENING_REFUSED = {"thread_active", "person_busy"}


class Doors:
    """REST at all processes: each request goes to any of them, and again where a lock could not be had in time."""

    def __init__(self, servers: list[httpx.AsyncClient], rng: Random) -> None:
        self.servers = servers
        self.rng = rng

    async def ask(self, person: Person, method: str, path: str, **body: object) -> httpx.Response:
        while True:
            answer = await self.rng.choice(self.servers).request(
                method, path, json=body or None, headers=person.headers
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer

    async def open(self, person: Person, other: Person) -> httpx.Response:
        return await self.ask(person, "POST", "/api/threads/", username=other.username)

    async def close(self, person: Person, uri: str) -> httpx.Response:
        return await self.ask(person, "POST", f"/api/chats/{uri}/close/")

    async def post(self, history: History, person: Person, uri: str, client_id: str) -> None:
        """Posts, and records what came of it: acknowledged, or refused because the thread is closed."""
        post = history.sends(author=person.id, client_id=client_id, text=f"{client_id} of {person.username}")
        answer = await self.ask(
            person, "POST", f"/api/chats/{uri}/messages/", text=post.text, client_id=client_id
        )
        body = answer.json()
        if answer.status_code == httpx.codes.CREATED:
            history.acknowledged(post, seq=body["seq"], number=body["number"])
        else:
            assert (answer.status_code, body["code"]) == (409, "thread_closed")
            history.refused(post, body["code"])


@pytest.fixture
async def doors(start_server: Start, rng: Random) -> AsyncIterator[Doors]:
    processes = 1 if STACK == "embedded" else 2
    settings = {"THREAD_REOPEN_AFTER_S": "0"}
    servers = await asyncio.gather(*(start_server(**settings) for _ in range(processes)))
    https = [httpx.AsyncClient(base_url=server.url, timeout=30) for server in servers]
    yield Doors(https, rng)
    for http in https:
        await http.aclose()


async def test_fifty_openings_at_once_give_one_thread_and_fifty_words_and_ends_one_end(
    doors: Doors, database: DatabaseThreads
) -> None:
    alice, *others = await database.run(make_people, AT_ONCE // 2 + 1)
    openings = [pair for other in others for pair in ((alice, other), (other, alice))]
    doors.rng.shuffle(openings)
    answers = await asyncio.gather(*(doors.open(*pair) for pair in openings))
    made = [answer.json() for answer in answers if answer.status_code == httpx.codes.CREATED]
    assert len(made) == 1
    uri = made[0]["uri"]
    both = {member["id"] for member in made[0]["members"]}
    for (opener, other), answer in zip(openings, answers, strict=True):
        if {opener.id, other.id} == both:
            assert (answer.status_code, answer.json()["uri"]) in ((200, uri), (201, uri))
        elif opener is alice:
            assert (answer.status_code, answer.json()["code"]) == (409, "thread_active")
            assert answer.json()["uri"] == uri
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "person_busy")
            assert "uri" not in answer.json()
    assert await database.run(active_threads) == {person: {uri} for person in both}

    bob = next(person for person in others if person.id in both)
    history = History()
    posts = [
        doors.post(history, person, uri, f"id-{at}")
        for at, person in zip(range(AT_ONCE - 10), itertools.cycle((alice, bob)), strict=False)
    ]
    closes = [doors.close(person, uri) for person in [alice, bob] * 5]
    words = [*posts[: AT_ONCE // 3], *closes, *posts[AT_ONCE // 3 :]]
    outcomes = await asyncio.gather(*words)
    ends = [outcome for outcome in outcomes if outcome is not None]
    assert [(end.status_code, end.json()["state"]) for end in ends] == [(200, "closed")] * 10
    assert await database.run(active_threads) == {}
    log = await database.run(read_log, uri)
    assert_kept(history, log)
    assert_ends_with_its_close(log)
    strangers = [person for person in others if person is not bob][:3]
    await assert_is_their_archive(doors, uri, log, readers=[alice, bob], strangers=strangers)


async def test_a_crowd_that_opens_writes_and_closes_at_once(doors: Doors, database: DatabaseThreads) -> None:
    people = await database.run(make_people, 9)
    *crowd, charlie = people
    race = Race(doors, crowd)
    it_is_over = asyncio.Event()
    watching = asyncio.create_task(most_active_threads(it_is_over))
    try:
        await asyncio.gather(*(race.take_part(moves=5) for _ in range(AT_ONCE)))
    finally:
        it_is_over.set()
    most, looks = await watching

    assert looks > 10
    assert most == 1
    assert race.refusals.keys() == OPENING_REFUSED
    threads = await database.run(threads_of_all)
    assert len(threads) == len(race.threads) > len(crowd)
    assert {thread.uri for thread in threads} == race.threads.keys()
    assert_no_two_at_a_time(threads)
    for thread in threads:
        log = await database.run(read_log, thread.uri)
        played = race.threads[thread.uri]
        assert_kept(played.history, log)
        if thread.is_closed:
            assert_ends_with_its_close(log)
        else:
            assert CLOSED not in {event.type for event in log.events}
        strangers = [charlie, doors.rng.choice([each for each in crowd if each not in played.people])]
        await assert_is_their_archive(doors, thread.uri, log, readers=played.people, strangers=strangers)
    sent = [post for played in race.threads.values() for post in played.history.posts.values()]
    assert any(post.places for post in sent)
    assert any(post.refusals for post in sent)


@dataclass
class Played:
    """A thread as those who play know it."""

    people: list[Person]
    history: History = field(default_factory=History)


class Race:
    """Who opens, writes to and closes what; everybody acts for anybody."""

    RECENT = 6

    def __init__(self, doors: Doors, crowd: list[Person]) -> None:
        self.threads: dict[str, Played] = {}
        self.refusals: Counter[str] = Counter()
        self._doors = doors
        self._crowd = crowd
        self._count = itertools.count(1)

    async def take_part(self, moves: int) -> None:
        rng = Random(self._doors.rng.random())
        for _ in range(moves):
            recent = list(self.threads)[-self.RECENT :]
            move = rng.choices((self._open, self._post, self._close), (4, 4, 2))[0] if recent else self._open
            await move(rng, recent)

    async def _open(self, rng: Random, _recent: list[str]) -> None:
        opener, other = rng.sample(self._crowd, 2)
        answer = await self._doors.open(opener, other)
        body = answer.json()
        if answer.is_success:
            self.threads.setdefault(body["uri"], Played([opener, other]))
            assert {member["id"] for member in body["members"]} == {opener.id, other.id}
        else:
            assert (answer.status_code, body["code"] in OPENING_REFUSED) == (409, True), body
            self.refusals[body["code"]] += 1

    async def _post(self, rng: Random, recent: list[str]) -> None:
        uri = rng.choice(recent)
        played = self.threads[uri]
        await self._doors.post(played.history, rng.choice(played.people), uri, f"id-{next(self._count)}")

    async def _close(self, rng: Random, recent: list[str]) -> None:
        uri = rng.choice(recent)
        played = self.threads[uri]
        answer = await self._doors.close(rng.choice(played.people), uri)
        assert (answer.status_code, answer.json()["state"]) == (200, "closed")
        played.history.shown(answer.json()["position"]["seq"])


# What the database says


def active_threads() -> dict[int, set[str]]:
    """Of each person that is in any; their slots say the same."""
    active: defaultdict[int, set[str]] = defaultdict(set)
    places = Member.objects.filter(chat__kind=Chat.Kind.THREAD, chat__state=Chat.State.ACTIVE)
    for user_id, uri in places.values_list("user_id", "chat__uri"):
        active[user_id].add(uri)
    slots = {user_id: {uri} for user_id, uri in ThreadSlot.objects.values_list("user_id", "chat__uri")}
    assert slots == active
    return dict(active)


async def most_active_threads(it_is_over: asyncio.Event) -> tuple[int, int]:
    """The most active threads that anybody was ever seen in, and how often was looked."""
    threads = DatabaseThreads("watch", 1)
    most = looks = 0
    try:
        while not it_is_over.is_set():
            most = max(most, await threads.run(_most_active_now))
            looks += 1
    finally:
        threads.close(wait_s=10)
    return most, looks


def _most_active_now() -> int:
    places = Member.objects.filter(chat__kind=Chat.Kind.THREAD, chat__state=Chat.State.ACTIVE)
    counts = places.values("user_id").annotate(threads=Count("pk")).values_list("threads", flat=True)
    return max(counts, default=0)


@dataclass(frozen=True)
class Thread:
    uri: str
    people: frozenset[int]
    opened_at: float
    closed_at: float
    is_closed: bool


def threads_of_all() -> list[Thread]:
    rows = Chat.objects.filter(kind=Chat.Kind.THREAD).prefetch_related("members").order_by("pk")
    return [
        Thread(
            uri=row.uri,
            people=frozenset(member.user_id for member in row.members.all()),
            opened_at=row.created_at.timestamp(),
            closed_at=row.closed_at.timestamp() if row.closed_at else float("inf"),
            is_closed=row.state == Chat.State.CLOSED,
        )
        for row in rows
    ]


def assert_no_two_at_a_time(threads: list[Thread]) -> None:
    """By the moments in the rows: each is taken under the lock, so the next opening's is after the last close's."""
    by_person: defaultdict[int, list[Thread]] = defaultdict(list)
    for thread in threads:
        assert len(thread.people) == 2
        for person in thread.people:
            by_person[person].append(thread)
    for theirs in by_person.values():
        theirs.sort(key=lambda thread: thread.opened_at)
        for one, next_one in itertools.pairwise(theirs):
            assert one.closed_at <= next_one.opened_at


def assert_ends_with_its_close(log: Log) -> None:
    types = [event.type for event in sorted(log.events, key=lambda event: event.seq)]
    assert types.count(CLOSED) == 1
    assert types[-1] == CLOSED


async def assert_is_their_archive(
    doors: Doors, uri: str, log: Log, *, readers: list[Person], strangers: list[Person]
) -> None:
    pages = Pages(doors.servers, doors.rng)
    texts = {message.number: message.text for message in log.messages}
    for reader in readers:
        assert await pages.read(reader, uri) == (log.epoch, log.last_seq, texts)
        events: Any = (await doors.ask(reader, "GET", f"/api/chats/{uri}/events/")).json()
        assert [(event["seq"], event["type"]) for event in events["events"]] == [
            (event.seq, event.type) for event in log.events
        ]
    paths = ("", "messages/", "events/", "members/")
    answers = await asyncio.gather(
        *(doors.ask(stranger, "GET", f"/api/chats/{uri}/{path}") for stranger in strangers for path in paths)
    )
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    told = "".join(answer.text for answer in answers)
    assert not [text for text in texts.values() if text in told]
