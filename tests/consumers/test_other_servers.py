"""The application under servers that know nothing of it: plain Daphne, uvicorn and granian send by ordinary ASGI."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.consumers.sdk import python_sdk
from tests.consumers.stage import Cast, Stage

APPLICATION = "asgi_app.asgi:application"
ON = ("--host", "127.0.0.1", "--port", "{port}")
SERVERS = {
    "daphne": ("daphne", "--verbosity", "0", "-b", "127.0.0.1", "-p", "{port}", APPLICATION),
    "uvicorn": ("uvicorn", *ON, "--lifespan", "off", "--log-level", "warning", APPLICATION),
    "granian": ("granian", *ON, "--interface", "asginl", "--log-level", "warning", APPLICATION),
}


@pytest.fixture(scope="module", params=SERVERS)
def server_command(request: pytest.FixtureRequest) -> Sequence[str]:
    command: Sequence[str] = SERVERS[request.param]
    return command


async def test_people_talk_and_strangers_are_turned_away_under_any_server(stage: Stage, cast: Cast) -> None:
    uri = await stage.room(cast.alice, cast.bob, link_open=False)
    stream = f"chat.{uri}"
    async with python_sdk(protobuf=False) as sdk:
        alice, bob = (sdk(stage.server.ws_url, token=each.token) for each in (cast.alice, cast.bob))
        await asyncio.gather(alice.connect(), bob.connect())
        heard = await bob.follow(stream)
        await alice.publish(stream, {"text": "Grüße 👋"})
        await alice.publish(stream, {"text": "x" * 8000})
        await bob.until_told(heard, "x" * 8000)
        assert heard.texts == ["Grüße 👋", "x" * 8000]
        charlie = sdk(stage.server.ws_url, token="unknown")
        await charlie.begin()
        assert await charlie.until_gone() == (101, "unauthorized")
    # Granian's children would outlive a parent that is killed.
    await stage.server.terminate()
