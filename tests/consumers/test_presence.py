"""Presence over several processes: who is gone is gone, also if Redis would not hear of it at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from redis import asyncio as aioredis

from consumers import presence
from consumers.presence import Presence
from tests.consumers.sdk import PythonClient
from tests.consumers.stage import Cast, Stage
from tests.live_server import LiveServer

pytestmark = pytest.mark.needs_redis

STREAM = "chat.somewhere"


@pytest.fixture
async def redis() -> AsyncIterator[aioredis.Redis]:
    async with aioredis.Redis.from_url(settings.REDIS_URL) as redis:
        yield redis


@pytest.fixture
async def guest(redis: aioredis.Redis) -> AsyncIterator[str]:
    """The address of Redis for an account that may do anything, until it is told otherwise."""
    await redis.acl_setuser(
        "guest", enabled=True, passwords="+secret", keys=["*"], channels=["*"], categories=["+@all"]
    )
    address = urlsplit(settings.REDIS_URL)
    yield address._replace(netloc=f"guest:secret@{address.hostname}:{address.port}").geturl()
    await redis.acl_deluser("guest")


async def test_whoever_left_while_redis_took_nothing_is_gone_in_the_end(
    redis: aioredis.Redis, guest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "REFRESH_EVERY_S", 0.05)
    here, there = Presence(guest), Presence(settings.REDIS_URL)
    here.enter(STREAM, {"client": "stays", "user": "1"})
    here.enter(STREAM, {"client": "leaves", "user": "2"})
    await until_present(there, {"stays", "leaves"})
    await redis.acl_setuser("guest", enabled=True, commands=["-hdel", "-hset"])
    here.leave(STREAM, "leaves")
    here.enter(STREAM, {"client": "comes", "user": "3"})
    assert here._writer is not None
    await asyncio.wait([here._writer])
    assert (await there.of(STREAM)).keys() == {"stays", "leaves"}
    await redis.acl_setuser("guest", enabled=True, commands=["+hdel", "+hset"])
    await until_present(there, {"stays", "comes"})
    for process in (here, there):
        await end(process)


async def test_whoever_comes_while_redis_is_asked_is_in_the_answer() -> None:
    process = Presence(settings.REDIS_URL)
    process.enter(STREAM, {"client": "was here", "user": "1"})
    asked = asyncio.create_task(process.of(STREAM))
    await asyncio.sleep(0)
    process.enter(STREAM, {"client": "comes", "user": "2"})
    process.leave(STREAM, "was here")
    assert (await asked).keys() == {"comes"}
    await end(process)


async def test_it_says_when_other_processes_know_of_a_change() -> None:
    here, there = Presence(settings.REDIS_URL), Presence(settings.REDIS_URL)
    assert here.copied() is None
    for _ in range(5):
        here.enter(STREAM, {"client": "comes", "user": "1"})
        copied = here.copied()
        assert copied is not None
        await copied
        assert (await there.of(STREAM)).keys() == {"comes"}
        here.leave(STREAM, "comes")
        copied = here.copied()
        assert copied is not None
        await copied
        assert not await there.of(STREAM)
    for process in (here, there):
        await end(process)


async def test_whoever_goes_with_their_process_is_told_of_to_those_of_others(
    stage: Stage, cast: Cast, stage_database: str, server_settings: dict[str, str], tmp_path: Path
) -> None:
    there = LiveServer(database_url=stage_database, env=server_settings, log=tmp_path / "log")
    await there.start()
    try:
        stream = f"chat.{await stage.room(cast.alice, cast.bob)}"
        alice = PythonClient(stage.server.ws_url, token=cast.alice.token)
        bob = PythonClient(there.ws_url, token=cast.bob.token)
        await asyncio.gather(alice.connect(), bob.connect())
        watching = await alice.follow(stream, join_leave=True)
        await bob.follow(stream, join_leave=True)
        info = {"client": bob.id, "user": str(cast.bob.id), "conn_info": {"username": cast.bob.name}}
        await alice.until(lambda: ("join", info) in watching.present)
        assert set(await alice.presence(stream)) == {alice.id, bob.id}
        assert await there.terminate() == 0
        await alice.until(lambda: ("leave", info) in watching.present)
        await asyncio.gather(alice.disconnect(), bob.disconnect())
    finally:
        await there.close()


async def end(process: Presence) -> None:
    for task in (process._refresher, process._writer):
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
    assert process._redis is not None
    process._redis.hang_up()


async def until_present(process: Presence, clients: set[str]) -> None:
    async with asyncio.timeout(5):
        while (await process.of(STREAM)).keys() != clients:
            pass
