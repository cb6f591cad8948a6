"""A backup taken while people write, restored elsewhere: everything acknowledged before it began is there, and clients
start over without being shown anything wrong.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg2
import pytest
from websockets.asyncio.client import connect

from messaging.database import DatabaseThreads
from tests.faults.stage import Person, make_people, make_room
from tests.faults.writers import RestDoor
from tests.live_server import LiveServer, address_of_database
from tests.services import ROOT, STACK, postgres_programs

Start = Callable[..., Awaitable[LiveServer]]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def database(transactional_db: None) -> AsyncIterator[DatabaseThreads]:
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)


class Writing:
    """Somebody who posts one message after the other and remembers which were acknowledged."""

    def __init__(self, server: LiveServer, person: Person, room: str) -> None:
        self.acknowledged: list[str] = []
        self._server, self._person, self._room = server, person, room

    async def __aenter__(self) -> "Writing":
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def has_written(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.acknowledged) < count:
                assert not self._task.done(), self._task.exception()
                await asyncio.sleep(0.01)

    async def _write(self) -> None:
        async with httpx.AsyncClient(base_url=self._server.url, trust_env=False, timeout=20) as http:
            door = RestDoor(http, self._person)
            while True:
                text = f"message {len(self.acknowledged) + 1}"
                await door.post(chat=self._room, text=text, client_id=text)
                self.acknowledged.append(text)


def manage(*arguments: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def back_up_and_restore(tmp_path: Path, database: DatabaseThreads) -> str:
    """As docs/operate.md says, for the kind of database that this run is on; the address of the restored one."""
    address = await database.run(address_of_database)
    if STACK == "embedded":
        backup, restored = tmp_path / "backup.sqlite3", tmp_path / "restored.sqlite3"
        await asyncio.to_thread(manage, "backup", str(backup), DATABASE_URL=address)
        shutil.copy(backup, restored)
        return f"sqlite:///{restored}"
    return await asyncio.to_thread(dump_and_restore, address, tmp_path / "backup.dump")


def dump_and_restore(address: str, backup: Path) -> str:
    new = urlunsplit(urlsplit(address)._replace(path="/restored"))
    maintenance = urlunsplit(urlsplit(address)._replace(path="/postgres"))
    connection = psycopg2.connect(maintenance)
    connection.autocommit = True
    try:
        connection.cursor().execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")
        connection.cursor().execute("CREATE DATABASE restored")
    finally:
        connection.close()
    for command in (
        ["pg_dump", "--format=custom", f"--file={backup}", address],
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={new}", str(backup)],
    ):
        subprocess.run([str(postgres_programs() / command[0]), *command[1:]], check=True)
    return new


async def subscribe(server: LiveServer, person: Person, room: str, **recovery: Any) -> dict[str, Any]:
    async with connect(f"{server.ws_url}/connection/websocket", proxy=None) as socket:
        subscription = {"channel": f"chat.{room}", **recovery}
        await socket.send(json.dumps({"id": 1, "connect": {"token": person.token}}))
        assert "connect" in json.loads(await socket.recv())
        await socket.send(json.dumps({"id": 2, "subscribe": subscription}))
        result: dict[str, Any] = json.loads(await socket.recv())["subscribe"]
        return result


async def texts_of(server: LiveServer, person: Person, room: str) -> list[str]:
    texts: list[str] = []
    async with httpx.AsyncClient(base_url=server.url, headers=person.headers, trust_env=False) as http:
        after, has_newer = 0, True
        while has_newer:
            answer = await http.get(f"/api/chats/{room}/messages/", params={"after": after, "limit": 100})
            page = answer.raise_for_status().json()
            texts += [message["text"] for message in page["messages"]]
            after, has_newer = page["messages"][-1]["number"], page["has_newer"]
    return texts


async def test_a_backup_taken_during_writes_is_restored_elsewhere(
    start_server: Start, database: DatabaseThreads, tmp_path: Path
) -> None:
    alice, bob = await database.run(make_people, 2)
    room = await database.run(make_room, [alice, bob])
    server = await start_server()
    async with Writing(server, alice, room) as writing:
        await writing.has_written(20)
        before = list(writing.acknowledged)
        address = await back_up_and_restore(tmp_path, database)
        await writing.has_written(len(before) + 5)
    position = await subscribe(server, bob, room)
    await server.terminate()

    told = await asyncio.to_thread(manage, "bump_epoch", DATABASE_URL=address)
    assert "Clients start over" in told
    restored = await start_server(DATABASE_URL=address)
    texts = await texts_of(restored, bob, room)
    assert texts[: len(before)] == before
    assert texts == writing.acknowledged[: len(texts)], "a moment, not a mixture"

    # Whoever was further than the backup is told so, and does not take new numbers for old ones.
    result = await subscribe(
        restored, bob, room, recover=True, epoch=position["epoch"], offset=position["offset"]
    )
    assert result["was_recovering"]
    assert not result.get("recovered", False)
    assert result["epoch"] != position["epoch"]
    assert result["offset"] <= position["offset"]
    async with Writing(restored, alice, room) as again:
        again.acknowledged = list(texts)
        await again.has_written(len(texts) + 3)
    texts = await texts_of(restored, bob, room)
    # The last one may have been written and its answer not heard.
    assert texts[: len(again.acknowledged)] == again.acknowledged
    if STACK == "postgres":
        await restored.terminate()
