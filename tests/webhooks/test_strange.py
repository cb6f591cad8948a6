"""What platforms may bring that nobody has thought of: it is kept and parked, never refused, and costs the others nothing."""

from typing import Any

import httpx
import orjson
import pytest

from messaging.models import Inbound
from tests.webhooks.conftest import MESSENGER, TELEGRAM, journal, knock, said_by, signed, update
from webhooks.fakes import FakeMessenger, FakeTelegram

stores = pytest.mark.django_db(transaction=True)

STRANGE: list[dict[str, Any]] = [
    {},
    {"update_id": "7"},
    {"update_id": -1},
    {"update_id": 2**60, "message": {}},
    {"update_id": True},
    {"update_id": 7},
    {"update_id": 7, "inline_query": {"id": "1"}},
    {"update_id": 7, "chat_boost": None},
    {"update_id": 7, "message": []},
    {
        "update_id": 7,
        "message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": 5},
    },
    {"update_id": 7, "message": {"message_id": 1, "date": 1, "chat": {"id": 2**60, "type": "private"}}},
    {"update_id": 7, "message": {"message_id": 1, "date": "now", "chat": {"id": 1, "type": "private"}}},
    {
        "update_id": 7,
        "message": {"message_id": 1, "chat": {"id": -5, "type": "supergroup"}, "text": "Hi"},
    },
    {
        "update_id": 7,
        "message": {
            "message_id": 1,
            "chat": {"id": 1, "type": "private"},
            "from": {"id": 1},
            "location": {"latitude": 91.0, "longitude": 0},
        },
    },
    {"update_id": 7, "callback_query": {"id": "x" * 101, "from": {"id": 1}, "data": "a"}},
]


@stores
async def test_unknown_shapes_are_stored_and_parked(telegram: FakeTelegram, door: httpx.AsyncClient) -> None:
    for number, content in enumerate(STRANGE):
        if content.get("update_id") == 7:
            content["update_id"] = 100 + number
        assert await knock(door, TELEGRAM, update(**content), update(**content)) == [200, 200]
    rows = await journal()
    assert [row.raw for row in rows] == STRANGE
    assert all(row.state == Inbound.State.PARKED and row.error and row.repeats == 1 for row in rows)


@stores
async def test_times_that_are_none_do_not_cost_the_message(
    telegram: FakeTelegram, messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    for date in (-1, 0, 2**31, 2**33, 2**62):
        said = said_by(messenger, "1", f"m{date}", "Hello", timestamp=date)
        assert await knock(door, TELEGRAM, telegram.knock_of(telegram.says(41, "Hello", date=date))) == [200]
        assert await knock(door, MESSENGER, messenger.knock_of({"messaging": [said]})) == [200]
    assert [row.state for row in await journal()] == ["waiting"] * 10


@stores
async def test_a_watermark_that_is_no_time_is_parked(
    messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    event = {"sender": {"id": "1"}, "recipient": {"id": messenger.page_id}, "read": {"watermark": 2**62}}
    assert await knock(door, MESSENGER, messenger.knock_of({"messaging": [event]})) == [200]
    assert [row.state for row in await journal()] == ["parked"]


@stores
async def test_strange_envelopes(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    event = said_by(messenger, "1", "m1", "Hello")
    bodies: list[tuple[dict[str, Any], int]] = [
        ({"object": "instagram", "entry": []}, 404),
        ({"entry": []}, 404),
        ({"object": "page"}, 200),
        (
            {
                "object": "page",
                "entry": [5, {"id": messenger.page_id}, {"id": "another", "messaging": [event]}],
            },
            200,
        ),
        ({"object": "page", "entry": [{"id": messenger.page_id, "changes": [{"field": "feed"}]}]}, 200),
    ]
    for body, status in bodies:
        assert await knock(door, MESSENGER, signed(messenger, orjson.dumps(body))) == [status]
    assert [row.state for row in await journal()] == ["parked"] * 5
