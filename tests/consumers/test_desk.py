"""Contacts' chats, live to operators and to nobody else, for as long as they are operators."""

from itertools import count

import pytest

from messaging.actions.accounts import change_rights
from messaging.actions.bots import enlist_bots
from messaging.actions.inbounds import claim_inbounds, handle_inbound
from messaging.actions.journal import store_inbounds
from messaging.content import Text
from messaging.heard import Arrival, Profile, said
from tests.consumers.sdk import PythonClient
from tests.consumers.stage import Cast, Stage

_numbers = count(1)


def write_as(person: str, text: str) -> str:
    """What somebody writes on a platform is in the log, and answered; returns their chat's uri."""
    number = next(_numbers)
    profile = Profile(first_name=person)
    store_inbounds(
        [Arrival("paper", "parrot", f"{number}", {}, person=person, heard=said(text), profile=profile)]
    )
    author = enlist_bots(["parrot"])["parrot"]
    [claimed] = claim_inbounds(limit=1)
    handle_inbound(claimed, author=author, respond=lambda situation: [Text(text=text)])
    return claimed.contact.chat.uri


def take_operating_away(cast: Cast) -> None:
    change_rights(user=cast.olive.user, is_staff=False, is_superuser=False, groups=[], permissions=[])


async def client_of(stage: Stage, token: str) -> PythonClient:
    client = PythonClient(stage.server.ws_url, token=token)
    await client.connect()
    return client


async def test_an_operator_follows_answers_and_takes_over(stage: Stage, cast: Cast) -> None:
    uri = await stage.act(write_as, "Ada", "hello")
    olive = await client_of(stage, cast.olive.token)
    heard, desk = await olive.follow(f"chat.{uri}"), await olive.follow("desk")
    await stage.request(cast.olive, "POST", f"/api/desk/chats/{uri}/take/")
    await olive.publish(f"chat.{uri}", {"text": "I am Olive"})
    await olive.until_told(heard, "I am Olive")
    taken, posted = (event for _, event in heard.heard)
    assert (taken["type"], taken["contact"]["taken_by"]["username"]) == ("contact.changed", cast.olive.name)
    assert (posted["message"]["text"], posted["message"]["delivery"]) == ("I am Olive", "waiting")
    assert posted["message"]["author"]["username"] == cast.olive.name
    await olive.until(lambda: desk.doorbells)
    assert desk.doorbells[0] == {"type": "desk.changed", "chat": uri}
    page = await stage.request(cast.olive, "GET", f"/api/chats/{uri}/messages/")
    ada = page["messages"][0]["author"]
    assert (ada["username"], ada["is_contact"], ada["id"] < 0) == ("Ada", True, True)
    told = await stage.request(cast.olive, "GET", f"/api/chats/{uri}/events/?after=0")
    assert told["events"][0]["message"]["author"] == ada
    await olive.disconnect()


async def test_charlie_hears_nothing_of_it(stage: Stage, cast: Cast) -> None:
    uri = await stage.act(write_as, "Ben", "hello")
    charlie = await client_of(stage, cast.charlie.token)
    visitor = PythonClient(stage.server.ws_url)
    await visitor.connect()
    for stranger in (charlie, visitor):
        for stream in (f"chat.{uri}", "desk"):
            assert await stranger.is_denied(stream) == (103, "permission denied")
        await stranger.disconnect()


@pytest.mark.needs_redis
async def test_what_a_contact_says_is_live_until_one_is_no_operator_any_more(
    stage: Stage, cast: Cast
) -> None:
    uri = await stage.act(write_as, "Cleo", "hello")
    olive = await client_of(stage, cast.olive.token)
    heard, desk = await olive.follow(f"chat.{uri}"), await olive.follow("desk")
    await stage.act(write_as, "Cleo", "are you there?")
    await olive.until_told(heard, "are you there?")
    await stage.act(take_operating_away, cast)
    await olive.until(lambda: heard.ends and desk.ends)
    assert heard.ends == desk.ends == [(2000, "no longer allowed")]
    await stage.act(write_as, "Cleo", "a secret")
    again = await client_of(stage, cast.olive.token)
    assert await again.is_denied(f"chat.{uri}") == (103, "permission denied")
    assert "a secret" not in heard.texts
    await olive.disconnect()
    await again.disconnect()
