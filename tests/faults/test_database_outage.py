"""PostgreSQL gone for some seconds while people write: a clear "later", open sockets, and everything as before after it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random

import httpx
import pytest
from centrifuge import ReplyError
from websockets.asyncio.client import connect

from asgi_app.storm.history import assert_kept
from messaging.database import DatabaseThreads
from messaging.queries.whole_log import read_log
from tests.faults.crew import Crew
from tests.faults.stage import Person, make_people, make_room
from tests.faults.writers import Door, SocketDoor
from tests.live_server import LiveServer
from tests.services import Postgres

Start = Callable[..., Awaitable[LiveServer]]

MESSAGES = 30
OUTAGE_S = 3.0
"""Long enough for whatever compares, probes or retries each second to meet it."""
TEMPORARY = {"code": 100, "message": "internal server error", "temporary": True}


@pytest.mark.needs_postgres
@pytest.mark.needs_redis
async def test_posting_is_put_off_and_no_socket_closes_while_the_database_is_away(
    start_server: Start, postgres: Postgres, database: DatabaseThreads, rng: Random
) -> None:
    servers = await asyncio.gather(start_server(), start_server())
    people = await database.run(make_people, 8)
    room = await database.run(make_room, people)
    crew = Crew(servers, room, rng)
    sockets = [crew.socket(person, servers[at % 2]) for at, person in enumerate(people[:4])]
    rest = [crew.rest(person)[at % 2] for at, person in enumerate(people[4:])]
    doors: list[Door] = [*sockets, *rest]
    for person, door in zip(people, doors, strict=True):
        crew.writer(person, [door])
    for at, server in enumerate(servers):
        crew.sdk(f"sdk-{at}", people[at], server)
        crew.raw(f"raw-{at}", people[at], [server])
    try:
        async with crew:
            opened = [list(reader.closes) for reader in crew.readers]
            async with asyncio.TaskGroup() as group:
                for writer in crew.writers:
                    group.create_task(writer.write(MESSAGES))
                await crew.acknowledged.reaches(len(people) * MESSAGES // 4)
                await asyncio.to_thread(postgres.halt)
                unknown = crew.history.unknown_outcomes()
                # The outage itself: a length of time is what it is.
                outage = asyncio.create_task(asyncio.sleep(OUTAGE_S))
                for at, http in enumerate(crew.https):
                    await assert_is_put_off(servers[at], http, people[0], room)
                    await assert_call_is_put_off(sockets[at], room)
                await outage
                assert crew.acknowledged.value < len(people) * MESSAGES, "nobody wrote during the outage"
                assert crew.history.unknown_outcomes() > unknown
                await asyncio.to_thread(postgres.start)
            log = await database.run(read_log, room)
            await crew.have_all_seen(log.last_seq)
            assert [reader.closes for reader in crew.readers] == opened
            for http in crew.https:
                assert (await http.get("/readyz")).json()["status"] == "ready"
    finally:
        crew.report()
    assert_kept(crew.history, log)
    assert log.message_count == len(people) * MESSAGES


async def assert_is_put_off(server: LiveServer, http: httpx.AsyncClient, person: Person, room: str) -> None:
    """Each door says that this is for the moment only, and the process itself is alive."""
    answer = await http.post(f"/api/chats/{room}/messages/", json={"text": "now?"}, headers=person.headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    async with connect(f"{server.ws_url}/connection/websocket", proxy=None) as socket:
        await socket.send(json.dumps({"id": 1, "connect": {"token": person.token}}))
        assert json.loads(await socket.recv()) == {"id": 1, "error": TEMPORARY}
    async with connect(f"{server.ws_url}/connection/websocket", proxy=None) as socket:
        await socket.send('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"chat.no-such-chat"}}')
        assert "connect" in json.loads(await socket.recv())
        assert json.loads(await socket.recv()) == {"id": 2, "error": TEMPORARY}
    assert (await http.get("/healthz")).status_code == 200
    # What probes were told a second ago, others are told too.
    async with asyncio.timeout(2):
        while (readiness := await http.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.1)
    assert (readiness.status_code, readiness.json()["status"]) == (503, "unready")


async def assert_call_is_put_off(socket: SocketDoor, room: str) -> None:
    with pytest.raises(ReplyError) as refused:
        await socket.client.rpc("message.post", {"chat": room, "text": "now?"})
    assert (refused.value.code, refused.value.temporary) == (100, True)
