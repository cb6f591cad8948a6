"""People's own clients, unmodified, in each language and encoding: what they do and hear while the line holds."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from websockets.asyncio.client import connect

from messaging.actions.accounts import create_token
from messaging.commands import COMMANDS
from messaging.models import Token
from tests.conftest import PASSWORD
from tests.consumers.sdk import Sdk, SdkError
from tests.consumers.stage import Actor, Cast, Stage, new_session


async def refused(call: Any) -> int:
    """The code with which a call is refused."""
    with pytest.raises(SdkError) as error:
        await call
    return error.value.code


# Passwords are hashed slowly on purpose: one SDK does.
@pytest.mark.parametrize("sdk", ["node"], indirect=True)
async def test_a_client_connects_with_a_token_that_logging_in_gave(
    stage: Stage, cast: Cast, sdk: Sdk
) -> None:
    answer = await stage.request(
        None, "POST", "/auth/token/login/", username=cast.alice.name, password=PASSWORD
    )
    alice = sdk(stage.server.ws_url, token=answer["auth_token"])
    await alice.connect()
    assert alice.greeting == {"user_id": cast.alice.id, "username": cast.alice.name}


async def test_a_post_in_the_feed_reaches_everybody_once(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    alice, visitor = sdk(stage.server.ws_url, token=cast.alice.token), sdk(stage.server.ws_url)
    await asyncio.gather(alice.connect(), visitor.connect())
    own, heard = await alice.follow("chat.feed"), await visitor.follow("chat.feed")
    await alice.publish("chat.feed", {"text": "Grüße 👋", "client_id": "one"})
    await alice.publish("chat.feed", {"text": "Grüße 👋", "client_id": "one"})
    await alice.publish("chat.feed", {"text": "Bye", "client_id": "two"})
    for client, following in ((alice, own), (visitor, heard)):
        await client.until_told(following, "Bye")
        assert following.texts == ["Grüße 👋", "Bye"]
        first, second = following.heard
        assert second[0] == first[0] + 1
        assert first[1]["type"] == "message.posted"
        assert first[1]["seq"] == first[0]
        assert first[1]["message"]["author"]["username"] == cast.alice.name


async def test_a_room_is_heard_by_its_members_and_nobody_else(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice, cast.bob, link_open=False)
    bob, charlie = (sdk(stage.server.ws_url, token=each.token) for each in (cast.bob, cast.charlie))
    visitor = sdk(stage.server.ws_url)
    await asyncio.gather(*(each.connect() for each in (bob, charlie, visitor)))
    heard = await bob.follow(f"chat.{uri}")
    for stranger in (charlie, visitor):
        for stream in (f"chat.{uri}", "chat.nosuchroom", f"user.{cast.bob.id}", "user.None", "elsewhere"):
            assert await stranger.is_denied(stream) == (103, "permission denied")
        assert await refused(stranger.history(f"chat.{uri}", limit=10)) == 103
        assert await refused(stranger.presence(f"chat.{uri}")) == 103
        assert await refused(stranger.presence_stats(f"chat.{uri}")) == 103
    assert await refused(charlie.publish(f"chat.{uri}", {"text": "I am here too"})) == 103
    assert await refused(visitor.publish(f"chat.{uri}", {"text": "I am here too"})) == 101
    assert await refused(visitor.publish("chat.feed", {"text": "I am here too"})) == 101
    assert await refused(visitor.rpc("me", {})) == 101
    await stage.say(cast.alice, uri, "Hello Bob")
    await bob.until(lambda: heard.texts)
    assert heard.texts == ["Hello Bob"]
    assert charlie.is_connected
    assert visitor.is_connected


async def test_every_call_of_the_catalogue_is_answered(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    alice = sdk(stage.server.ws_url, token=cast.alice.token)
    await alice.connect()
    asked: set[str] = set()

    async def ask(method: str, **data: Any) -> dict[str, Any]:
        asked.add(method)
        return await alice.rpc(method, data)

    assert (await ask("me"))["username"] == cast.alice.name
    made = await ask("room.create", name="Kitchen", client_id="kitchen")
    uri = made["uri"]
    assert await ask("room.create", name="Kitchen", client_id="kitchen") == made
    assert await ask("room.join", chat=uri, username=cast.bob.name) == {
        "uri": uri,
        "seq": 2,
        "user_id": cast.bob.id,
        "joined": True,
    }
    posted = await ask("message.post", chat=uri, text="Who cooks?", client_id="1")
    assert posted["seq"] == 3
    assert posted["message"]["text"] == "Who cooks?"
    assert await ask("message.post", chat=uri, text="Who cooks?", client_id="1") == posted
    edited = await ask("message.edit", chat=uri, number=1, text="Who cooks today?")
    assert edited["message"]["text"] == "Who cooks today?"
    assert await ask("chat.read", chat=uri, number=1) == {"read_number": 1}
    assert await ask("chat.typing", chat=uri) == {}
    assert await ask("room.change", chat=uri, name="Kitchen & Bar", link_open=False) == {
        "seq": 5,
        "name": "Kitchen & Bar",
        "link_open": False,
    }
    deleted = await ask("message.delete", chat=uri, number=1)
    assert deleted["message"]["text"] == ""
    assert deleted["message"]["deleted_by"] == cast.alice.id
    await ask("room.remove", chat=uri, username=cast.bob.name)
    assert (await ask("room.leave", chat=uri))["seq"] == 8
    assert await refused(ask("message.press", chat="feed", number=1, press="page:1")) == 103  # see tests/bots
    thread = await ask("thread.open", username=cast.bob.name)
    assert thread["created"] is True
    assert (await ask("me"))["active_thread"] == thread["uri"]
    assert (await ask("thread.close", chat=thread["uri"]))["seq"] == 3
    assert await refused(ask("message.post", chat=thread["uri"], text="One more thing")) == 409
    assert asked == set(COMMANDS)


async def test_a_wrong_call_is_refused_and_the_connection_goes_on(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    alice = sdk(stage.server.ws_url, token=cast.alice.token)
    await alice.connect()
    assert await refused(alice.rpc("message.shout", {})) == 104
    assert await refused(alice.rpc("message.post", {"chat": "feed"})) == 107
    assert await refused(alice.rpc("message.post", {"chat": "feed", "text": "x", "color": "red"})) == 107
    assert await refused(alice.rpc("message.post", {"chat": "feed", "text": " "})) == 107
    assert await refused(alice.publish("chat.feed", {"text": "x" * 8001})) == 107
    assert await refused(alice.publish("chat.feed", {"text": "nul \0"})) == 107
    assert await refused(alice.publish("chat.nosuchroom", {"text": "x"})) == 103
    assert await refused(alice.rpc("message.post", {"chat": "nosuchroom", "text": "x"})) == 103
    assert await refused(alice.presence("chat.feed")) == 108
    await alice.publish("chat.feed", {"text": "x" * 8000})
    await alice.publish("chat.feed", {"text": "首" * 8000})
    assert [state for state, *_ in alice.states] == ["connecting", "connected"]


async def test_what_is_published_goes_where_it_was_published(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    """A `chat` inside the data names no other place."""
    uri = await stage.room(cast.alice)
    alice = sdk(stage.server.ws_url, token=cast.alice.token)
    await alice.connect()
    heard = await alice.follow(f"chat.{uri}")
    await alice.publish(f"chat.{uri}", {"text": "here", "chat": "feed"})
    await alice.until(lambda: heard.texts)
    assert heard.texts == ["here"]


async def test_history_is_read_from_any_position_both_ways(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice)
    await stage.fill(cast.alice, uri, map(str, range(2, 122)))
    alice = sdk(stage.server.ws_url, token=cast.alice.token)
    await alice.connect()
    epoch = await stage.epoch()

    async def read(**how: Any) -> list[int]:
        page = await alice.history(f"chat.{uri}", **how)
        assert (page["epoch"], page["offset"]) == (epoch, 121)
        for offset, event in page["publications"]:
            assert event["seq"] == offset
        return [offset for offset, _ in page["publications"]]

    assert await read() == []
    assert await read(limit=3) == [1, 2, 3]
    assert await read(limit=3, reverse=True) == [121, 120, 119]
    assert await read(limit=3, since=(epoch, 50)) == [51, 52, 53]
    assert await read(limit=3, since=(epoch, 50), reverse=True) == [49, 48, 47]
    assert await read(limit=3, since=(epoch, 120)) == [121]
    assert await read(limit=3, since=(epoch, 121)) == []
    assert await read(limit=1000) == list(range(1, 101))
    assert await refused(alice.history(f"chat.{uri}", limit=1, since=("another", 1))) == 112


async def test_presence_tells_who_follows_and_who_comes_and_goes(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    stream = f"chat.{uri}"
    alice, bob = (sdk(stage.server.ws_url, token=each.token) for each in (cast.alice, cast.bob))
    await asyncio.gather(alice.connect(), bob.connect())
    watching = await alice.follow(stream, join_leave=True)
    await bob.follow(stream, join_leave=True)
    bob_info = {"client": bob.id, "user": str(cast.bob.id), "conn_info": {"username": cast.bob.name}}
    await alice.until(lambda: ("join", bob_info) in watching.present)
    assert (await alice.presence(stream))[bob.id] == bob_info
    assert set(await alice.presence(stream)) == {alice.id, bob.id}
    assert await alice.presence_stats(stream) == [2, 2]
    await bob.leave(stream)
    await alice.until(lambda: ("leave", bob_info) in watching.present)
    assert await alice.presence_stats(stream) == [1, 1]
    await bob.follow_again(stream)
    await alice.until(lambda: watching.present.count(("join", bob_info)) == 2)
    await bob.disconnect()
    await alice.until(lambda: watching.present.count(("leave", bob_info)) == 2)
    assert set(await alice.presence(stream)) == {alice.id}


async def test_doorbells_ring_and_leave_the_position_alone(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    await stage.say(cast.alice, uri, "one", "two")
    bob = sdk(stage.server.ws_url, token=cast.bob.token)
    await bob.connect()
    heard, own = await bob.follow(f"chat.{uri}"), await bob.follow(cast.bob.stream)
    marks = {str(cast.alice.id): 2, str(cast.bob.id): 0}
    assert heard.answers[0]["data"] == {"read_marks": marks}
    assert heard.answers[0]["position"] == {"epoch": await stage.epoch(), "offset": 4}

    await stage.ask(cast.alice, "chat.typing", chat=uri)
    typing = {"type": "typing", "chat": uri, "user_id": cast.alice.id, "username": cast.alice.name}
    await bob.until(lambda: typing in heard.doorbells)

    await bob.rpc("chat.read", {"chat": uri, "number": 1})
    await bob.rpc("chat.read", {"chat": uri, "number": 2})
    await bob.until(lambda: told_marks(heard.doorbells) == {str(cast.bob.id): 2})

    other = await stage.room(cast.alice)
    await stage.ask(cast.alice, "room.join", chat=other, username=cast.bob.name)
    await bob.until(lambda: own.doorbells)
    assert {each["type"] for each in own.doorbells} == {"chats.changed"}

    await stage.say(cast.alice, uri, "three")
    await bob.until(lambda: heard.heard)
    assert heard.offsets == [5]


def told_marks(doorbells: list[dict[str, Any]]) -> dict[str, int]:
    """The read marks as a client has them after these doorbells: they only rise."""
    marks: dict[str, int] = {}
    for doorbell in doorbells:
        if doorbell["type"] == "read":
            for user_id, number in doorbell["marks"].items():
                marks[user_id] = max(number, marks.get(user_id, 0))
    return marks


async def test_what_was_left_is_not_heard_and_can_be_followed_again(
    stage: Stage, cast: Cast, sdk: Sdk
) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    bob = sdk(stage.server.ws_url, token=cast.bob.token)
    await bob.connect()
    heard = await bob.follow(f"chat.{uri}")
    await stage.say(cast.alice, uri, "one")
    await bob.until(lambda: heard.texts)
    await bob.leave(f"chat.{uri}")
    await bob.rpc("me", {})  # so that the server has heard of it
    await stage.say(cast.alice, uri, "two", "three")
    assert heard.texts == ["one"]
    await bob.follow_again(f"chat.{uri}")
    await bob.until(lambda: "three" in heard.texts)
    assert heard.texts == ["one", "two", "three"]
    assert heard.answers[-1]["recovered"] is True


async def test_somebody_removed_hears_that_and_nothing_after_it(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice, cast.bob)
    stream = f"chat.{uri}"
    alice, bob = (sdk(stage.server.ws_url, token=each.token) for each in (cast.alice, cast.bob))
    await asyncio.gather(alice.connect(), bob.connect())
    own, heard = await alice.follow(stream), await bob.follow(stream)
    await alice.publish(stream, {"text": "Bob, you must go"})
    await alice.rpc("room.remove", {"chat": uri, "username": cast.bob.name})
    await alice.publish(stream, {"text": "Now that Bob is gone"})
    await bob.until(lambda: heard.ends)
    await alice.until(lambda: "Now that Bob is gone" in own.texts)
    assert heard.ends == [(2000, "no longer allowed")]
    assert [event["type"] for _, event in heard.heard] == ["message.posted", "member.removed"]
    assert heard.heard[-1][1]["ends"] == [cast.bob.id]
    await bob.follow_again(stream)
    await bob.until(lambda: len(heard.ends) == 2)
    assert heard.ends[1] == (103, "permission denied")
    assert heard.texts == ["Bob, you must go"]

    await alice.rpc("room.join", {"chat": uri, "username": cast.bob.name})
    await alice.publish(stream, {"text": "Welcome back"})
    await bob.follow_again(stream)
    await bob.until(lambda: len(heard.answers) == 2)
    assert heard.answers[1]["recovered"] is False, "a replay would have told of the absence"
    await alice.publish(stream, {"text": "Are you there?"})
    await bob.until(lambda: "Are you there?" in heard.texts)
    assert "Now that Bob is gone" not in heard.texts


async def test_a_thread_is_heard_by_its_two(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    alice, bob = (sdk(stage.server.ws_url, token=each.token) for each in (cast.alice, cast.bob))
    await asyncio.gather(alice.connect(), bob.connect())
    bell = await bob.follow(cast.bob.stream)
    uri = (await alice.rpc("thread.open", {"username": cast.bob.name}))["uri"]
    await bob.until(lambda: bell.doorbells)
    assert (await bob.rpc("me", {}))["active_thread"] == uri
    heard, own = await bob.follow(f"chat.{uri}"), await alice.follow(f"chat.{uri}")
    for number in range(3):
        await alice.publish(f"chat.{uri}", {"text": f"ping {number}"})
        await bob.publish(f"chat.{uri}", {"text": f"pong {number}"})
    await bob.publish(f"chat.{uri}", {"text": "That was all"})
    await bob.rpc("thread.close", {"chat": uri})
    for client, following in ((alice, own), (bob, heard)):
        await client.until_told(following, "That was all")
        await client.until(following.is_closed)
        said = [f"{word} {number}" for number in range(3) for word in ("ping", "pong")]
        assert following.texts == [*said, "That was all"]
        assert not following.ends, "a closed thread stays readable"


End = Callable[[Stage, Cast], Awaitable[None]]


async def revoke(stage: Stage, cast: Cast) -> None:
    devices = await stage.request(cast.bob, "GET", "/api/devices/")
    current = next(each for each in devices["devices"] if each["current"])
    await stage.request(cast.bob, "DELETE", f"/api/devices/{current['id']}/")


async def log_out(stage: Stage, cast: Cast) -> None:
    await stage.request(cast.bob, "POST", "/auth/token/logout/")


async def suspend(stage: Stage, cast: Cast) -> None:
    await stage.request(cast.olive, "POST", f"/api/users/{cast.bob.name}/suspend/")


@pytest.mark.parametrize("end", [revoke, log_out, suspend])
async def test_who_may_not_be_here_any_more_is_gone_within_a_second(
    stage: Stage, cast: Cast, sdk: Sdk, end: End
) -> None:
    bob = sdk(stage.server.ws_url, token=cast.bob.token)
    await bob.connect()
    await bob.follow("chat.feed")
    await end(stage, cast)
    assert await bob.until_gone(within_s=1.0) == (3500, "invalid token")
    again = sdk(stage.server.ws_url, token=cast.bob.token)
    await again.begin()
    assert await again.until_gone() == (101, "unauthorized")


@pytest.mark.parametrize("sdk", ["python"], indirect=True)
async def test_a_deleted_account_is_gone_too(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    bob = sdk(stage.server.ws_url, token=cast.bob.token)
    await bob.connect()
    await stage.request(cast.bob, "DELETE", "/auth/users/me/", current_password=PASSWORD)
    assert await bob.until_gone(within_s=1.0) == (3500, "invalid token")


@pytest.mark.parametrize("sdk", ["python"], indirect=True)
async def test_a_new_password_signs_other_devices_out(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    answer = await stage.request(
        None, "POST", "/auth/token/login/", username=cast.bob.name, password=PASSWORD
    )
    phone = sdk(stage.server.ws_url, token=answer["auth_token"])
    laptop = sdk(stage.server.ws_url, token=cast.bob.token)
    await asyncio.gather(phone.connect(), laptop.connect())
    change = {"current_password": PASSWORD, "new_password": "battery-staple-correct"}
    await stage.request(cast.bob, "POST", "/auth/users/set_password/", **change)
    assert await phone.until_gone(within_s=1.0) == (3500, "invalid token")
    assert (await laptop.rpc("me", {}))["username"] == cast.bob.name


def seen_at(token: str) -> datetime:
    at: datetime | None = Token.objects.get(token_key=token[:15]).seen_at
    assert at is not None
    return at


def forget_seen(token: str) -> None:
    Token.objects.filter(token_key=token[:15]).update(seen_at=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize("sdk", ["python"], indirect=True)
async def test_signing_out_everywhere_else_closes_pages_and_apps_but_not_this_one(
    stage: Stage, cast: Cast, sdk: Sdk
) -> None:
    key = await stage.act(new_session, cast.bob.user)
    phone_token = (await stage.act(create_token, user=cast.bob.user, name="phone"))[1]
    await stage.act(forget_seen, phone_token)
    cookie = {"Cookie": f"sessionid={key}"}
    async with httpx.AsyncClient(base_url=stage.server.url, headers=cookie, trust_env=False) as page:
        own = (await page.get("/api/devices/")).json()["devices"][0]
    assert (own["kind"], own["current"]) == ("session", True)
    here, phone = (sdk(stage.server.ws_url, token=token) for token in (cast.bob.token, phone_token))
    await asyncio.gather(here.connect(), phone.connect())
    live = f"{stage.server.ws_url}/connection/websocket"
    ours = cookie | {"Origin": stage.server.url}
    async with connect(live, additional_headers=ours, proxy=None) as page_socket:
        await page_socket.send(json.dumps({"id": 1, "connect": {}}))
        assert cast.bob.name in str(await page_socket.recv())
        async with asyncio.timeout(5):
            while timezone.now() - (await stage.act(seen_at, phone_token)) > timedelta(minutes=1):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)

        assert await stage.request(cast.bob, "DELETE", "/api/devices/") == {"signed_out": 2}
        assert await phone.until_gone(within_s=1.0) == (3500, "invalid token")
        async with asyncio.timeout(1.0):
            await page_socket.wait_closed()
        assert page_socket.close_code == 3500
    assert (await here.rpc("me", {}))["username"] == cast.bob.name


async def new_ticket(stage: Stage, actor: Actor) -> str:
    ticket: str = (await stage.request(actor, "POST", "/api/socket-tickets/"))["ticket"]
    return ticket


async def test_a_ticket_opens_one_connection_and_a_spent_one_is_replaced(
    stage: Stage, cast: Cast, sdk: Sdk
) -> None:
    spent = await new_ticket(stage, cast.alice)
    alice = sdk(stage.server.ws_url, token=spent)
    await alice.connect()
    assert alice.greeting["user_id"] == cast.alice.id

    fresh = await new_ticket(stage, cast.alice)
    again = sdk(stage.server.ws_url, token=spent, tokens=[fresh])
    await again.connect()
    assert again.errors == [109]
    assert again.tokens_wanted == 1
    assert again.greeting["user_id"] == cast.alice.id

    helpless = sdk(stage.server.ws_url, token=spent)
    await helpless.begin()
    await helpless.until_gone()

    await stage.request(cast.alice, "POST", "/auth/token/logout/")
    for client in (alice, again):
        assert await client.until_gone(within_s=1.0) == (3500, "invalid token")


async def test_many_commands_at_once_are_done_in_order(stage: Stage, cast: Cast, sdk: Sdk) -> None:
    uri = await stage.room(cast.alice)
    alice = sdk(stage.server.ws_url, token=cast.alice.token)
    await alice.connect()
    heard = await alice.follow(f"chat.{uri}")
    await asyncio.gather(*(alice.publish(f"chat.{uri}", {"text": str(number)}) for number in range(100)))
    await alice.until(lambda: len(heard.texts) == 100)
    assert heard.texts == [str(number) for number in range(100)]
    assert all(later == earlier + 1 for earlier, later in itertools.pairwise(heard.offsets))
