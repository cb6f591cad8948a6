"""Clients that were cut off: what they missed arrives once and in order, or they are told to start over."""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from messaging.actions.deployment import bump_epoch
from messaging.actions.messages import Post
from messaging.actions.retention import prune_events
from messaging.models import Event
from messaging.queries.events import MAX_REPLAY_BYTES, MAX_REPLAYED
from tests.consumers.line import Line
from tests.consumers.raw import RawClient
from tests.consumers.sdk import Client, Following, Sdk
from tests.consumers.stage import Actor, Cast, Stage, new_room, post_together

# With these, every subscription and every event of 200 rooms takes about three seconds.
SLOW_BYTES_PER_S = 200_000
ROOMS = 200


async def all_follow(sdks: Sequence[Sdk], ws_url: str, actor: Actor, stream: str) -> dict[Client, Following]:
    """A connected client of each SDK that follows the stream."""
    clients = [sdk(ws_url, token=actor.token) for sdk in sdks]
    await asyncio.gather(*(client.connect() for client in clients))
    return {client: await client.follow(stream) for client in clients}


def in_order_and_once(following: Following) -> bool:
    return all(later == earlier + 1 for earlier, later in itertools.pairwise(following.offsets))


async def test_500_messages_posted_while_one_is_cut_off_arrive_once_and_in_order(
    stage: Stage, cast: Cast, sdks: list[Sdk]
) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    async with Line(stage.server.port) as line:
        everybody = await all_follow(sdks, line.ws_url, cast.bob, f"chat.{uri}")
        await stage.say(cast.alice, uri, "before")
        for client, following in everybody.items():
            await client.until_told(following, "before")
        await line.cut()
        missed = [f"missed {number}" for number in range(500)]
        await stage.fill(cast.alice, uri, missed)
        await line.open()
        for client, following in everybody.items():
            await client.until_told(following, "missed 499")
        await stage.say(cast.alice, uri, "after")
        for client, following in everybody.items():
            await client.until_told(following, "after")
            assert following.texts == ["before", *missed, "after"]
            assert in_order_and_once(following)
            assert [answer["was_recovering"] for answer in following.answers] == [False, True]
            assert following.answers[1]["recovered"] is True
            assert not following.ends


async def test_a_killed_server_costs_nobody_an_event(stage: Stage, cast: Cast, sdks: list[Sdk]) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    everybody = await all_follow(sdks, stage.server.ws_url, cast.bob, f"chat.{uri}")
    await stage.say(cast.alice, uri, "before")
    for client, following in everybody.items():
        await client.until_told(following, "before")
    await stage.server.kill()
    await stage.fill(cast.alice, uri, ["meanwhile 1", "meanwhile 2"])
    await stage.server.start()
    await stage.say(cast.alice, uri, "after")
    for client, following in everybody.items():
        await client.until_told(following, "after")
        assert following.texts == ["before", "meanwhile 1", "meanwhile 2", "after"]
        assert in_order_and_once(following)
        assert following.answers[-1]["recovered"] is True


async def test_200_rooms_with_missed_events_recover_over_a_slow_line(
    stage: Stage, cast: Cast, sdks: list[Sdk]
) -> None:
    uris = await stage.act(new_rooms, ROOMS, cast.bob)
    for sdk in (sdks[0], sdks[2]):  # JSON is the longer one
        async with Line(stage.server.port, bytes_per_s=SLOW_BYTES_PER_S) as line:
            bob = sdk(line.ws_url, token=cast.bob.token)
            await bob.connect()
            followings = await asyncio.gather(*(bob.follow(f"chat.{uri}") for uri in uris))
            await line.cut()
            opened_before = line.opened
            await stage.act(post_everywhere, cast.bob, uris, [f"missed {number}" for number in range(5)])
            await line.open()
            for following in followings:
                await bob.until_told(following, "missed 4")
                assert following.texts == [f"missed {number}" for number in range(5)]
                assert in_order_and_once(following)
                assert len(following.answers) == 2
                assert following.answers[1]["recovered"] is True
            assert bob.is_connected
            assert line.opened == opened_before + 1, "the connection did not last until everything was told"
            await bob.disconnect()


def new_rooms(count: int, owner: Actor) -> list[str]:
    return [new_room(owner) for _ in range(count)]


def post_everywhere(actor: Actor, uris: Iterable[str], texts: Sequence[str]) -> None:
    post_together([Post(actor.user, uri, text) for uri in uris for text in texts])


async def test_a_pruned_position_starts_over(stage: Stage, cast: Cast, sdks: list[Sdk]) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    async with Line(stage.server.port) as line:
        everybody = await all_follow(sdks, line.ws_url, cast.bob, f"chat.{uri}")
        await line.cut()
        await stage.say(cast.alice, uri, "forgotten", "forgotten too")
        await stage.act(forget_everything_in, uri)
        await line.open()
        await everybody_starts_over(stage, cast, uri, everybody)


def forget_everything_in(uri: str) -> None:
    Event.objects.filter(chat__uri=uri).update(at=timezone.now() - timedelta(days=31))
    prune_events()


async def everybody_starts_over(
    stage: Stage, cast: Cast, uri: str, everybody: dict[Client, Following]
) -> None:
    """Recovery has failed, which each client can see; nothing of the past is told, and what comes is."""
    for client, following in everybody.items():
        await client.until(lambda following=following: len(following.answers) == 2)  # type: ignore[misc]
        assert following.answers[1]["was_recovering"] is True
        assert following.answers[1]["recovered"] is False
    await stage.say(cast.alice, uri, "fresh")
    for client, following in everybody.items():
        await client.until_told(following, "fresh")
        assert following.texts == ["fresh"]


@pytest.mark.parametrize(
    "texts",
    [["x"] * (MAX_REPLAYED + 1), ["x" * 8000] * (MAX_REPLAY_BYTES // 8000 + 1)],
    ids=["too many events", "too many bytes"],
)
async def test_more_than_a_replay_may_be_starts_over(
    stage: Stage, cast: Cast, sdks: list[Sdk], texts: list[str]
) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    async with Line(stage.server.port) as line:
        everybody = await all_follow(sdks, line.ws_url, cast.bob, f"chat.{uri}")
        await line.cut()
        await stage.fill(cast.alice, uri, texts)
        await line.open()
        await everybody_starts_over(stage, cast, uri, everybody)


async def test_as_much_as_a_replay_may_be_is_replayed(stage: Stage, cast: Cast, sdks: list[Sdk]) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    async with Line(stage.server.port) as line:
        everybody = await all_follow(sdks, line.ws_url, cast.bob, f"chat.{uri}")
        await line.cut()
        await stage.fill(cast.alice, uri, map(str, range(MAX_REPLAYED)))
        await line.open()
        for client, following in everybody.items():
            await client.until_told(following, str(MAX_REPLAYED - 1))
            assert following.texts == [str(number) for number in range(MAX_REPLAYED)]


async def test_the_feed_recovers_by_the_same_rules(stage: Stage, cast: Cast, sdks: list[Sdk]) -> None:
    """It is served from memory."""
    watcher = sdks[0](stage.server.ws_url)
    await watcher.connect()
    watched = await watcher.follow("chat.feed")
    async with Line(stage.server.port) as line:
        everybody = await all_follow(sdks, line.ws_url, cast.bob, "chat.feed")
        for turn in range(2):
            await line.cut()
            await stage.say(cast.alice, "feed", f"{turn} one", f"{turn} two")
            await watcher.until_told(watched, f"{turn} two")
            await line.open()
            for client, following in everybody.items():
                await client.until_told(following, f"{turn} two")
                assert following.answers[-1]["recovered"] is True
        await line.cut()
        await stage.fill(cast.alice, "feed", ["x"] * (MAX_REPLAYED + 1))
        await stage.say(cast.alice, "feed", "y")
        await watcher.until_told(watched, "y")
        await line.open()
        for client, following in everybody.items():
            await client.until(lambda following=following: len(following.answers) == 4)  # type: ignore[misc]
            assert following.answers[-1]["recovered"] is False
            assert following.texts == ["0 one", "0 two", "1 one", "1 two"]
            assert in_order_and_once(following)


async def test_a_spent_ticket_is_replaced_and_nothing_is_missed(
    stage: Stage, cast: Cast, sdks: list[Sdk]
) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    for sdk in sdks:
        tickets = [
            (await stage.request(cast.bob, "POST", "/api/socket-tickets/"))["ticket"] for _ in range(2)
        ]
        async with Line(stage.server.port) as line:
            bob = sdk(line.ws_url, token=tickets[0], tokens=tickets[1:])
            await bob.connect()
            heard = await bob.follow(f"chat.{uri}")
            await line.cut()
            await stage.say(cast.alice, uri, "missed")
            await line.open()
            await bob.until_told(heard, "missed")
            assert heard.texts == ["missed"]
            assert bob.tokens_wanted == 1
            assert 109 in bob.errors
            assert heard.answers[-1]["recovered"] is True
            await bob.disconnect()


@pytest.mark.parametrize("sdk", ["node", "node-protobuf"], indirect=True)
async def test_a_page_follows_from_the_position_it_was_read_with(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    await stage.fill(cast.alice, uri, ["read"])
    page = await stage.request(cast.bob, "GET", f"/api/chats/{uri}/messages/")
    await stage.fill(cast.alice, uri, ["missed"])
    bob = sdk(stage.server.ws_url, token=cast.bob.token)
    await bob.connect()
    heard = await bob.follow(f"chat.{uri}", since=(page["position"]["epoch"], page["position"]["seq"]))
    await bob.until_told(heard, "missed")
    assert heard.texts == ["missed"]
    assert heard.answers[0]["recovered"] is True


@pytest.mark.parametrize("sdk", ["node", "node-protobuf"], indirect=True)
@pytest.mark.parametrize(("epoch", "seq"), [("another", 2), ("", 2), (None, 100_000), (None, 2**53 - 1)])
async def test_an_unknown_position_starts_over(
    stage: Stage, cast: Cast, sdk: Sdk, epoch: str | None, seq: int
) -> None:
    bob = sdk(stage.server.ws_url, token=cast.bob.token)
    await bob.connect()
    for uri in (await stage.room(cast.alice, cast.bob), "feed"):
        await stage.say(cast.alice, uri, "past")
        heard = await bob.follow(f"chat.{uri}", since=(await stage.epoch() if epoch is None else epoch, seq))
        assert heard.answers[0]["recovered"] is False
        assert heard.answers[0]["position"]["epoch"] == await stage.epoch()
        await stage.say(cast.alice, uri, "fresh")
        await bob.until_told(heard, "fresh")
        start = heard.answers[0]["position"]["offset"]
        assert heard.offsets == list(range(start + 1, start + 1 + len(heard.heard)))


def test_who_asks_for_it_gets_an_error_instead(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as alice:
        alice.connect(cast.alice)
        place = {"recover": True, "epoch": "another", "offset": 1}
        refused = alice.ask_for("subscribe", channel="chat.feed", flag=3, **place)
        assert refused["error"] == {"code": 112, "message": "unrecoverable position"}
        told = alice.ask_for("subscribe", channel="chat.feed", flag=1, **place)["subscribe"]
        assert told["recovered"] is False
        assert told["was_recovering"] is True
        assert "publications" not in told


async def test_another_epoch_has_everybody_start_over(stage: Stage, cast: Cast, sdks: list[Sdk]) -> None:
    """Last in this file: positions of before mean nothing afterwards."""
    uri = await stage.room(cast.alice, cast.bob)
    everybody = await all_follow(sdks, stage.server.ws_url, cast.bob, f"chat.{uri}")
    await stage.say(cast.alice, uri, "before")
    for client, following in everybody.items():
        await client.until_told(following, "before")
    epoch = await stage.act(bump_epoch)
    for client, following in everybody.items():
        await client.until(lambda following=following: len(following.answers) == 2)  # type: ignore[misc]
        assert following.begins[-1] == (2502, "start over")
        assert following.answers[1]["recovered"] is False
        assert following.answers[1]["position"] == {"epoch": epoch, "offset": 3}
    await stage.say(cast.alice, uri, "after")
    for client, following in everybody.items():
        await client.until_told(following, "after")
        assert following.texts == ["before", "after"]
        assert client.is_connected
