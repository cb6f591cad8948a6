"""One process, killed with -9 again and again while people post: what it has answered is there, and goes on being seen.

On the embedded stack this is about SQLite and the memory of one process.
"""

import asyncio
from random import Random

from django.db import connection

from asgi_app.storm.history import assert_kept, check_log
from messaging.database import DatabaseThreads
from messaging.queries.whole_log import read_log
from tests.faults.crew import Crew
from tests.faults.stage import make_people, make_room
from tests.live_server import LiveServer

WRITERS = 6
MESSAGES = 30
KILLS = 2


def is_sound() -> bool:
    """Whether SQLite finds its own file whole; PostgreSQL recovers by itself."""
    if connection.vendor != "sqlite":
        return True
    with connection.cursor() as cursor:
        row = cursor.execute("PRAGMA integrity_check").fetchone()
    return bool(row == ("ok",))


async def test_what_was_answered_is_there_after_a_kill(
    server: LiveServer, database: DatabaseThreads, rng: Random
) -> None:
    people = await database.run(make_people, WRITERS)
    room = await database.run(make_room, people)
    crew = Crew([server], room, rng)
    for at, person in enumerate(people):
        crew.writer(person, [crew.socket(person, server)] if at % 2 else crew.rest(person))
    for at in range(2):
        crew.sdk(f"sdk-{at}", people[at], server, use_protobuf=bool(at))
    crew.raw("raw", people[2], [server])
    try:
        async with crew:
            async with asyncio.TaskGroup() as group:
                for writer in crew.writers:
                    group.create_task(writer.write(MESSAGES))
                for kill in range(1, KILLS + 1):
                    await crew.acknowledged.reaches(WRITERS * MESSAGES * kill // (KILLS + 1))
                    await server.kill()
                    assert await database.run(is_sound)
                    assert check_log(crew.history, await database.run(read_log, room)) == []
                    await server.start()
            log = await database.run(read_log, room)
            await crew.have_all_seen(log.last_seq)
    finally:
        crew.report()
    assert_kept(crew.history, log)
    assert log.message_count == WRITERS * MESSAGES
    assert crew.history.unknown_outcomes() > 0
    assert crew.history.sights("replay") > 0
