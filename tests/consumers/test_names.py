"""People who are called otherwise, or who are gone: nobody is told who they were, from memory least of all."""

import asyncio
from typing import Any

import orjson
import pytest

from messaging.events import complete
from tests.conftest import PASSWORD
from tests.consumers.raw import RawClient
from tests.consumers.stage import Actor, Stage

FEED = "chat.feed"


def heard_by_a_visitor(stage: Stage, epoch: str, since: int) -> list[dict[str, Any]]:
    """What somebody recovers who comes to the feed and has heard nothing since."""
    with RawClient(stage) as visitor:
        visitor.connect()
        answer = visitor.ask_for("subscribe", channel=FEED, recover=True, epoch=epoch, offset=since)
        assert answer["subscribe"]["recovered"]
        return [whole(each["data"]) for each in answer["subscribe"]["publications"]]


def whole(event: dict[str, Any]) -> dict[str, Any]:
    """With what it leaves out on the socket."""
    completed: dict[str, Any] = orjson.loads(complete(orjson.dumps(event)))
    return completed


async def told_by_rest(stage: Stage, since: int) -> list[dict[str, Any]]:
    answer = await stage.request(None, "GET", f"/api/chats/feed/events/?after={since}")
    events: list[dict[str, Any]] = answer["events"]
    return events


async def rename(stage: Stage, actor: Actor, name: str) -> None:
    body = {"new_username": name, "current_password": PASSWORD}
    await stage.request(actor, "POST", "/auth/users/set_username/", **body)


async def delete(stage: Stage, actor: Actor) -> None:
    await stage.request(actor, "DELETE", "/auth/users/me/", current_password=PASSWORD)


@pytest.mark.parametrize("goes", [True, False])
async def test_what_is_recovered_names_people_as_a_fresh_read_does(stage: Stage, goes: bool) -> None:
    """Although they have no live connection themselves."""
    bob = await stage.actor("bob")
    posted = await stage.request(bob, "POST", "/api/chats/feed/messages/", text="I was here")
    since, epoch = posted["seq"] - 1, await stage.epoch()
    assert (await asyncio.to_thread(heard_by_a_visitor, stage, epoch, since))[0]["message"][
        "text"
    ] == "I was here"

    await (delete(stage, bob) if goes else rename(stage, bob, f"{bob.name}-anew"))
    afresh = await told_by_rest(stage, since)
    assert afresh[0]["message"]["author"]["username"] == ("deleted user" if goes else f"{bob.name}-anew")
    async with asyncio.timeout(1):  # within a second with a bell that works
        while await asyncio.to_thread(heard_by_a_visitor, stage, epoch, since) != afresh:
            pass


async def test_what_somebody_says_is_by_their_name_of_now(stage: Stage) -> None:
    bob = await stage.actor("bob")
    voice = await stage.voice(bob)
    heard = await voice.follow(FEED)
    await rename(stage, bob, f"{bob.name}-anew")
    await stage.say(bob, "feed", "It is still me")
    await voice.until_told(heard, "It is still me")
    assert heard.heard[-1][1]["message"]["author"]["username"] == f"{bob.name}-anew"
