"""Redis is only the bell: whatever becomes of it, no socket closes, every post is answered, and everything arrives."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from channels.layers import get_channel_layer

from consumers import hub as hub_module
from consumers.hub import Hub
from consumers.layer import Layer
from consumers.slices import Slices
from consumers.stream import Stream
from messaging.actions.messages import post_message
from messaging.bell import bell
from messaging.database import DatabaseThreads
from tests.consumers.sdk import Client, Following, Sdk, SdkError
from tests.consumers.stage import Cast, Stage
from tests.consumers.test_stream import Dialect, Socket
from tests.services import Valkey

pytestmark = pytest.mark.needs_redis

# Found by comparing with the database: every 10 s, and every second once the silence has been noticed.
WITHOUT_THE_BELL_S = 12.0
ALIVE = [("connecting", 0, "connect called"), ("connected", 0, "")]


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return {"LIVE_PING_S": "8"}


async def both_follow(stage: Stage, cast: Cast, sdks: list[Sdk], uri: str) -> dict[Client, Following]:
    """A Python and a JavaScript client that have heard of the room."""
    clients = [sdk(stage.server.ws_url, token=cast.bob.token) for sdk in (sdks[0], sdks[2])]
    for client in clients:
        await client.connect()
        await client.follow(f"chat.{uri}")
    await stage.say(cast.alice, uri, "before")
    for client in clients:
        await client.until_told(client.streams[f"chat.{uri}"], "before")
    return {client: client.streams[f"chat.{uri}"] for client in clients}


async def all_hear(
    everybody: dict[Client, Following], texts: list[str], *, within_s: float = WITHOUT_THE_BELL_S
) -> None:
    """Exactly these texts, in order, on the connections that they had from the start."""
    for client, following in everybody.items():
        await client.until(lambda following=following: texts[-1] in following.texts, within_s)  # type: ignore[misc]
        assert following.texts == texts
        assert following.offsets == list(range(following.offsets[0], following.offsets[0] + len(texts)))
        assert client.states == ALIVE
        assert len(following.answers) == 1


async def test_a_restart_loses_nothing_and_closes_nothing(
    stage: Stage, cast: Cast, sdks: list[Sdk], valkey: Valkey
) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    everybody = await both_follow(stage, cast, sdks, uri)
    await asyncio.to_thread(valkey.restart)
    meanwhile = [f"meanwhile {number}" for number in range(5)]
    await stage.say(cast.alice, uri, *meanwhile)
    await all_hear(everybody, ["before", *meanwhile])


async def test_without_redis_posts_are_answered_and_heard_and_people_come_and_go(
    stage: Stage, cast: Cast, sdks: list[Sdk], valkey: Valkey
) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    everybody = await both_follow(stage, cast, sdks, uri)
    await asyncio.to_thread(valkey.kill)
    meanwhile = [f"meanwhile {number}" for number in range(5)]
    begun = time.monotonic()
    await stage.say(cast.alice, uri, *meanwhile)
    assert time.monotonic() - begun < 5
    await all_hear(everybody, ["before", *meanwhile])

    late = sdks[2](stage.server.ws_url, token=cast.bob.token)
    await late.connect()
    heard = await late.follow(f"chat.{uri}", since=(await stage.epoch(), 2))
    await late.until_told(heard, "meanwhile 4")
    assert heard.texts == ["before", *meanwhile]
    with pytest.raises(SdkError) as error:
        await late.presence(f"chat.{uri}")
    assert error.value.code == 100
    everybody[late] = heard

    await stage.say(cast.alice, uri, "still without")
    await all_hear(everybody, ["before", *meanwhile, "still without"])
    await asyncio.to_thread(valkey.start)
    await stage.say(cast.alice, uri, "with it again")
    await all_hear(everybody, ["before", *meanwhile, "still without", "with it again"])
    # When everybody has found back to it, it is quick again.
    async with asyncio.timeout(WITHOUT_THE_BELL_S):
        await until_prompt(stage, cast, uri, late, heard)
        while set(await present(late, f"chat.{uri}")) != {client.id for client in everybody}:
            pass


async def until_prompt(stage: Stage, cast: Cast, uri: str, client: Client, following: Following) -> None:
    """Posts until one is heard at once."""
    for number in range(100):
        text = f"prompt {number}"
        await stage.say(cast.alice, uri, text)
        said_at = time.monotonic()
        await client.until_told(following, text)
        if time.monotonic() - said_at < 0.5:
            return
    raise AssertionError("it never was")


async def present(client: Client, stream: str) -> list[str]:
    """Nobody, as long as Redis has not been found again."""
    with contextlib.suppress(SdkError):
        return list(await client.presence(stream))
    return []


async def test_a_redis_that_hangs_holds_up_nobody(
    stage: Stage, cast: Cast, sdks: list[Sdk], valkey: Valkey
) -> None:
    """Its connections stay and nothing answers, as behind a lost network."""
    uri = await stage.room(cast.alice, cast.bob)
    everybody = await both_follow(stage, cast, sdks, uri)
    valkey.freeze()
    await stage.say(cast.alice, uri, "meanwhile")
    await all_hear(everybody, ["before", "meanwhile"])
    late = sdks[0](stage.server.ws_url, token=cast.charlie.token)
    begun = time.monotonic()
    await late.connect()
    await late.follow("chat.feed")
    assert time.monotonic() - begun < 5, "its SDK would have given up"
    assert late.states == ALIVE
    valkey.thaw()
    client, following = next(iter(everybody.items()))
    async with asyncio.timeout(WITHOUT_THE_BELL_S):
        await until_prompt(stage, cast, uri, client, following)
    assert client.states == ALIVE


async def test_after_eight_idle_seconds_an_event_arrives_at_once(
    stage: Stage, cast: Cast, sdks: list[Sdk], valkey: Valkey
) -> None:
    """Clients of Redis that time out after five seconds fail here."""
    uri = await stage.room(cast.alice, cast.bob)
    everybody = await both_follow(stage, cast, sdks, uri)
    client, following = next(iter(everybody.items()))
    await asyncio.sleep(8)
    await stage.say(cast.alice, uri, "after")
    await all_hear(everybody, ["before", "after"], within_s=1.0)
    assert await client.presence_stats(f"chat.{uri}") == [2, 1]
    assert following.texts == ["before", "after"]


class WatchedLayer(Layer):
    """Tells when it has been renewed."""

    renewed: asyncio.Event

    async def renew(self, streams: Iterable[Stream]) -> None:
        await super().renew(streams)
        self.renewed.set()


class WatchedHub(Hub):
    """A hub that tells when it has taken a new layer."""

    def __init__(self) -> None:
        super().__init__(Slices())
        self.renewed = self._layer.renewed = asyncio.Event()  # type: ignore[attr-defined]  # a WatchedLayer


class AwaitedSocket(Socket):
    """A follower of whom a test waits for what it hears."""

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.wire.more.clear()
                await self.wire.more.wait()


@pytest.fixture
async def quick_hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WatchedHub]:
    """A hub of this process whose watch looks twenty times a second, and that compares only when told to."""
    monkeypatch.setattr(hub_module, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(hub_module, "Layer", WatchedLayer)
    monkeypatch.setattr(hub_module, "COMPARE_EVERY_S", 3600.0)
    threads = DatabaseThreads("hub", 1)
    monkeypatch.setattr(hub_module, "database", threads)
    # It takes the bell to this loop; afterwards that goes back to its own.
    for name in ("_loop", "_own_loop"):
        monkeypatch.setattr(bell, name, getattr(bell, name))
    hub = WatchedHub()
    yield hub
    await bell.end()
    hub._layer.close()
    await asyncio.sleep(0.01)
    for task in hub._tasks:
        task.cancel()
    await asyncio.wait(hub._tasks)
    threads.close(5)


async def test_a_layer_that_has_gone_deaf_is_replaced(
    stage: Stage, cast: Cast, quick_hub: WatchedHub, valkey: Valkey
) -> None:
    uri = await stage.room(cast.alice)
    alice = AwaitedSocket(Dialect("a"), cast.alice.id)
    await quick_hub.join(alice, [f"chat.{uri}"])
    assert quick_hub.go_live(alice, f"chat.{uri}", head=1, epoch=await stage.epoch())
    layer: Any = get_channel_layer()
    quick_hub._layer._ears._line._transport.pause_reading()  # type: ignore[union-attr]
    await stage.act(post_message, user=cast.alice.user, chat=uri, text="Can you hear me?")
    await alice.until(lambda: alice.heard == [2])
    async with asyncio.timeout(10):
        await quick_hub.renewed.wait()
    assert get_channel_layer() is not layer
    await quick_hub.compare()  # which joins the groups again
    for number in range(20):
        repairs = quick_hub.counters.repairs
        await stage.act(post_message, user=cast.alice.user, chat=uri, text="And now?")
        await alice.until(lambda seq=3 + number: alice.heard[-1] == seq)  # type: ignore[misc]
        if quick_hub.counters.repairs == repairs:
            break
    else:
        raise AssertionError("the new layer tells of nothing")
    assert alice.heard == list(range(2, 4 + number))
