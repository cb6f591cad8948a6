"""SIGTERM while people write: no answer is taken back, no request is cut, and every socket is told to come back."""

import asyncio
import json
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import httpx
import pytest
from django.db import connection, transaction
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asgi_app.storm.history import Place, assert_kept, check_log
from messaging.database import DatabaseThreads
from messaging.models import Chat
from messaging.queries.whole_log import read_log
from tests.asgi_app.raw import Answer, parse, wait_for
from tests.faults.crew import Crew
from tests.faults.progress import Progress
from tests.faults.stage import Person, make_people, make_room
from tests.faults.writers import Door, OutcomeUnknown, RestDoor
from tests.live_server import LiveServer

LIVE = "/connection/websocket"
WRITERS = 12
MESSAGES = 25
FOLLOWERS = 60
DRAINED_WITHIN_S = 25
COME_BACK = (3001, "shutdown")
LOOK_EVERY_S = 0.01


class WatchedRest:
    """A `RestDoor` that tells a refused connection, which is right, from a request that was cut."""

    name = "rest"
    is_open = True

    def __init__(self, http: httpx.AsyncClient, person: Person) -> None:
        self.cuts: list[str] = []
        self.refusals = 0
        self._door = RestDoor(http, person)

    async def post(self, *, chat: str, text: str, client_id: str) -> Place:
        try:
            return await self._door.post(chat=chat, text=text, client_id=client_id)
        except OutcomeUnknown as error:
            if any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
                self.refusals += 1
            else:
                self.cuts.append(str(error))
            raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


async def follow_until_closed(server: LiveServer, begun: Progress, path: str, first: str) -> tuple[int, str]:
    """The code and the reason that the socket is closed with. `begun` counts those that have been answered, if they
    have asked.
    """
    async with connect(f"{server.ws_url}{path}", proxy=None) as socket:
        if first:
            await socket.send(first)
            await socket.recv()
        begun.step()
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code or 0, socket.close_reason or ""


async def refuses_connections(server: LiveServer) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except ConnectionRefusedError:
            return
        writer.close()
        await asyncio.sleep(LOOK_EVERY_S)


class HalfRequest:
    """A request whose last line is still to be sent: as far as the server knows, it is in progress."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def complete(self) -> Answer:
        self._writer.write(b"\r\n")
        answer = await self._reader.read()
        self._writer.close()
        return parse(answer)


async def begin_request(server: LiveServer, path: str) -> HalfRequest:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode())
    await writer.drain()
    return HalfRequest(reader, writer)


def listeners(
    server: LiveServer, people: list[Person], room: str, begun: Progress
) -> Iterator[Coroutine[Any, Any, tuple[int, str]]]:
    """Sockets that follow the room, some that are connected and follow nothing, and some that only hear the feed."""
    for at in range(FOLLOWERS):
        connects = {"id": 1, "connect": {"token": people[at % len(people)].token}}
        follows = {"id": 2, "subscribe": {"channel": f"chat.{room}"}}
        yield follow_until_closed(server, begun, LIVE, f"{json.dumps(connects)}\n{json.dumps(follows)}")
    for path, first in ((LIVE, '{"id":1,"connect":{}}'), ("/socket", "")):
        for _ in range(5):
            yield follow_until_closed(server, begun, path, first)


async def test_sigterm_under_load(server: LiveServer, database: DatabaseThreads, rng: Random) -> None:
    people = await database.run(make_people, WRITERS)
    room = await database.run(make_room, people)
    crew = Crew([server], room, rng)
    one_request_each = httpx.Limits(max_keepalive_connections=0)
    crew.https.append(httpx.AsyncClient(base_url=server.url, timeout=20, limits=one_request_each))
    kept, fresh = crew.https
    rest = [WatchedRest(kept if at % 2 else fresh, person) for at, person in enumerate(people[:8])]
    doors: list[Door] = [*rest, *(crew.socket(person, server) for person in people[8:])]
    for person, door in zip(people, doors, strict=True):
        crew.writer(person, [door])
    readers = [crew.sdk(f"sdk-{at}", people[at], server, use_protobuf=bool(at)) for at in range(2)]
    try:
        async with crew, asyncio.TaskGroup() as group:
            begun = Progress()
            goodbyes = [group.create_task(each) for each in listeners(server, people, room, begun)]
            await begun.reaches(len(goodbyes))
            for writer in crew.writers:
                group.create_task(writer.write(MESSAGES))
            await crew.acknowledged.reaches(WRITERS * MESSAGES // 4)
            probe = await begin_request(server, "/readyz")

            told_at = time.monotonic()
            server.begin_termination()
            await refuses_connections(server)
            readiness = await probe.complete()
            assert (readiness.status, readiness.json()["status"]) == (503, "draining")
            assert await server.exited(DRAINED_WITHIN_S) == 0
            assert time.monotonic() - told_at < DRAINED_WITHIN_S
            assert crew.acknowledged.value < WRITERS * MESSAGES, "it was not under load"

            assert [await goodbye for goodbye in goodbyes] == [COME_BACK] * len(goodbyes)
            assert [COME_BACK[0] in reader.closes for reader in readers] == [True, True]
            assert [cut for door in rest for cut in door.cuts] == []
            assert sum(door.refusals for door in rest) > 0
            assert check_log(crew.history, await database.run(read_log, room)) == []
            await server.start()
            await crew.acknowledged.reaches(WRITERS * MESSAGES)
            log = await database.run(read_log, room)
            await crew.have_all_seen(log.last_seq)
    finally:
        crew.report()
    assert_kept(crew.history, log)
    assert log.message_count == WRITERS * MESSAGES
    assert crew.history.sights("replay") > 0


class HeldChat:
    """Holds the lock of a chat's row, so that whoever posts there waits."""

    def __init__(self) -> None:
        self._held = threading.Event()
        self._let_go = threading.Event()

    def hold(self, uri: str) -> None:
        """Until `let_go`, on a thread of the caller's."""
        with transaction.atomic():
            Chat.objects.select_for_update(no_key=True).get(uri=uri)
            self._held.set()
            self._let_go.wait(10)

    async def is_held(self) -> None:
        await asyncio.to_thread(self._held.wait, 10)

    def let_go(self) -> None:
        self._let_go.set()


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        (count,) = cursor.fetchone() or (0,)
        return int(count)


@pytest.mark.needs_postgres
async def test_posts_that_wait_in_the_database_are_answered_before_the_end(
    server: LiveServer, database: DatabaseThreads
) -> None:
    """One waits for the chat, others on their threads for that one; and some, more than there are threads, have not even
    begun.
    """
    posts = 12
    (alice,) = await database.run(make_people, 1)
    room = await database.run(make_room, [alice])
    holder, chat = DatabaseThreads("holder", 1), HeldChat()
    holding = holder.submit(chat.hold, room)
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
            await chat.is_held()
            door = RestDoor(http, alice)
            answers = [
                asyncio.create_task(door.post(chat=room, text=f"text {at}", client_id=f"id-{at}"))
                for at in range(posts)
            ]
            await database.run(wait_for, lambda: waiting_for_locks() == 1)
            server.begin_termination()
            await refuses_connections(server)
            chat.let_go()
            places = await asyncio.gather(*answers)
        assert await server.exited(DRAINED_WITHIN_S) == 0
    finally:
        chat.let_go()
        await holding
        holder.close(wait_s=10)
    log = await database.run(read_log, room)
    assert sorted((place.seq, place.number) for place in places) == [
        (message.seq, message.number) for message in log.messages
    ]
    assert len(log.messages) == posts
