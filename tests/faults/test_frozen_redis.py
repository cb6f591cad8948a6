"""Redis keeps its connections and answers nothing, as behind a lost network: nobody waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import httpx
import pytest

from messaging.database import DatabaseThreads
from tests.consumers.sdk import Following, PythonClient
from tests.faults.stage import make_people
from tests.live_server import LiveServer
from tests.services import Valkey

pytestmark = pytest.mark.needs_redis

SDK_PATIENCE_S = 5
COMPARED_WITHIN_S = 12


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    valkey = Valkey()
    valkey.start()
    yield valkey
    valkey.thaw()
    valkey.close()


async def test_people_come_and_talk_while_redis_is_frozen(
    start_server: Callable[..., Awaitable[LiveServer]], database: DatabaseThreads, valkey: Valkey
) -> None:
    server = await start_server(REDIS_URL=valkey.url)
    alice, bob = await database.run(make_people, 2)
    first = PythonClient(server.ws_url, token=alice.token)
    await first.connect()
    heard = await first.follow("chat.feed")
    clients = [first]
    async with httpx.AsyncClient(base_url=server.url, headers=bob.headers, trust_env=False) as rest:

        async def say(text: str) -> None:
            async with asyncio.timeout(SDK_PATIENCE_S):
                answer = await rest.post("/api/chats/feed/messages/", json={"text": text})
            assert answer.status_code == httpx.codes.CREATED, answer.text

        valkey.freeze()
        for token in (bob.token, alice.token, ""):
            text = f"Hello {len(clients)}"
            await say(text)
            await first.until(partial(_has_heard, heard, text), COMPARED_WITHIN_S)
            newcomer = PythonClient(server.ws_url, token=token)
            clients.append(newcomer)
            async with asyncio.timeout(SDK_PATIENCE_S):
                await newcomer.connect()
                await newcomer.follow("chat.feed")
        valkey.thaw()
        await say("Welcome back")
        for client in clients:
            feed = client.streams["chat.feed"]
            await client.until(partial(_has_heard, feed, "Welcome back"), COMPARED_WITHIN_S)
    assert heard.texts == ["Hello 1", "Hello 2", "Hello 3", "Welcome back"]
    for client in clients:
        assert [name for name, _, _ in client.states if name == "connected"] == ["connected"], client.states
        await client.disconnect()


def _has_heard(following: Following, text: str) -> bool:
    return text in following.texts
