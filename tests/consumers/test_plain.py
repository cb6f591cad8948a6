"""`/socket`: the feed for the simplest of clients."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.asgi_app.raw import BINARY, TEXT, RawSocket
from tests.consumers.stage import Cast, Stage

WSDUMP = Path(sys.executable).with_name("wsdump")


@asynccontextmanager
async def plain_client(stage: Stage, path: str = "/socket") -> AsyncIterator[RawSocket]:
    """A socket that is known to hear the feed."""
    with await asyncio.to_thread(RawSocket, stage.server.port, path) as client:
        bob = await stage.actor("bob")
        while True:
            await stage.say(bob, "feed", "Can you hear me?")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await heard(client)
                    break
        while not await asyncio.to_thread(client.is_silent_for, 0.1):
            await heard(client)
        yield client


async def heard(client: RawSocket) -> dict[str, Any]:
    post: dict[str, Any] = json.loads(await asyncio.to_thread(client.hear))
    return post


async def test_each_post_is_one_small_object(stage: Stage, cast: Cast) -> None:
    async with plain_client(stage) as client:
        posted = await stage.request(
            cast.alice, "POST", "/api/chats/feed/messages/", message="Hello <b>world</b> 👋"
        )
        post = await heard(client)
        page = await stage.request(None, "GET", "/api/chats/feed/messages/")
        last = page["messages"][-1]
        assert post == {
            "type": "update_feed",
            "username": cast.alice.name,
            "text": "Hello <b>world</b> 👋",
            "id": posted["id"],
            "number": posted["number"],
            "seq": posted["seq"],
            "created_at": last["created_at"],
        }


async def test_nothing_but_posts_is_told_and_nothing_is_asked(stage: Stage, cast: Cast) -> None:
    async with plain_client(stage) as client:
        posted = (await stage.ask(cast.alice, "message.post", chat="feed", text="one"))["message"]
        await stage.ask(cast.alice, "message.edit", chat="feed", number=posted["number"], text="two")
        await stage.ask(cast.alice, "message.delete", chat="feed", number=posted["number"])
        for opcode, payload in ((TEXT, b'{"type":"update_feed","text":"me too"}'), (BINARY, b"\0" * 1000)):
            client.send_frame(opcode, payload)
        await stage.say(cast.alice, "feed", "three")
        assert [(await heard(client))["text"] for _ in range(2)] == ["one", "three"]


async def test_rooms_are_not_the_feed(stage: Stage, cast: Cast) -> None:
    uri = await stage.room(cast.alice)
    async with plain_client(stage, "/socket/") as client:
        await stage.say(cast.alice, uri, "secret")
        await stage.say(cast.alice, "feed", "public")
        assert (await heard(client))["text"] == "public"


async def test_wsdump_prints_what_is_posted(stage: Stage, cast: Cast) -> None:
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(str(WSDUMP), f"ws://127.0.0.1:{stage.server.port}/socket"),
        stdin=pipe,
        stdout=pipe,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TERM": "dumb"},
    )
    assert process.stdout is not None

    async def printed() -> str:
        line = b""
        while b'{"type":"update_feed"' not in line:
            line = await process.stdout.readline()  # type: ignore[union-attr]
        return line.decode()

    try:
        first = asyncio.create_task(printed())
        while not first.done():
            await stage.say(cast.alice, "feed", "Is this printed?")
            await asyncio.wait([first], timeout=0.2)
        assert '"text":"Is this printed?"' in first.result()
        await stage.request(cast.alice, "POST", "/api/chats/feed/messages/", message="over REST")
        async with asyncio.timeout(5):
            while '"text":"over REST"' not in await printed():
                pass
    finally:
        process.kill()
        await process.communicate()


async def test_other_paths_have_no_socket(stage: Stage) -> None:
    for path in ("/", "/socket/x", "/sockets", "/ws", "/connection", "/connection/websocket/x"):
        with RawSocket(stage.server.port, path) as stranger:
            assert stranger.handshake.startswith("HTTP/1.1 403"), path
