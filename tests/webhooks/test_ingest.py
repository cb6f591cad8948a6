"""The door in: what is answered 200 is stored, once; whatever else comes, nothing is broken by it."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest
from django.test import override_settings

from messaging.heard import Arrival, Heard, Kind
from messaging.models import Inbound
from tests.webhooks.conftest import MESSENGER, TELEGRAM, TELEGRAM_SECRET, VERIFY_TOKEN, journal, knock
from webhooks import accounts, ingest
from webhooks.accounts import Complaints
from webhooks.fakes import FakeMessenger, FakeTelegram
from webhooks.fakes.server import Knock

# All others prove, too, that they ask nothing of the database: it is out of bounds for them.
stores = pytest.mark.django_db(transaction=True)

JSON = {"Content-Type": "application/json"}


def signed(messenger: FakeMessenger, body: bytes) -> Knock:
    return Knock(body, {**JSON, "X-Hub-Signature-256": messenger.signature(body)})


def update(**content: Any) -> Knock:
    headers = {**JSON, "X-Telegram-Bot-Api-Secret-Token": TELEGRAM_SECRET}
    return Knock(json.dumps(content).encode(), headers)


def said_by(messenger: FakeMessenger, person: str, mid: str, text: str, **fields: Any) -> dict[str, Any]:
    return {
        "sender": {"id": person},
        "recipient": {"id": messenger.page_id},
        "timestamp": 1_760_000_000_000,
        "message": {"mid": mid, "text": text},
        **fields,
    }


@stores
async def test_an_update_of_telegram_is_stored(telegram: FakeTelegram, door: httpx.AsyncClient) -> None:
    update = telegram.says(41, "/start friend", date=1_760_000_000)
    assert await knock(door, TELEGRAM, telegram.knock_of(update)) == [200]
    [inbound] = await journal()
    assert (inbound.platform, inbound.account, inbound.person) == ("telegram", "verses", "41")
    assert inbound.external_id == str(update["update_id"])
    assert inbound.raw == update
    assert inbound.heard == {
        "kind": "command",
        "text": "/start friend",
        "command": "start",
        "argument": "friend",
        "message_id": str(update["message"]["message_id"]),
    }
    assert inbound.profile == {"first_name": "Person41", "language": "en"}
    assert inbound.state == Inbound.State.WAITING


@stores
async def test_what_comes_again_is_only_counted(telegram: FakeTelegram, door: httpx.AsyncClient) -> None:
    same = telegram.knock_of(telegram.says(41, "Hello"))
    statuses = await asyncio.gather(*(knock(door, TELEGRAM, same) for _ in range(50)))
    assert {status for [status] in statuses} == {200}
    [inbound] = await journal()
    assert inbound.repeats == 49


@stores
async def test_each_event_of_a_batch_is_its_own(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    events = [said_by(messenger, f"{n % 7}", f"m{n}", f"{n}") for n in range(1000)]
    poison: list[Any] = [None, 7, {"sender": "nobody"}, {**events[1], "message": {"mid": 5, "text": []}}]
    events[500:504] = poison
    halves = [{"messaging": events[:300]}, {"messaging": events[300:]}]
    assert await knock(door, MESSENGER, messenger.knock_of(*halves)) == [200]
    rows = await journal()
    assert len(rows) == 1000
    parked = [row for row in rows if row.state == Inbound.State.PARKED]
    assert len(parked) == len(poison)
    assert all(row.error and row.raw for row in parked)


@stores
async def test_an_event_nested_too_deeply_costs_the_others_nothing(
    messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    deep = json.loads("[" * 400 + "]" * 400)
    events = [
        said_by(messenger, "1", "m1", "before"),
        {"strange": deep},
        said_by(messenger, "1", "m2", "after"),
    ]
    events.append(said_by(messenger, "1", "m3", "deep", extra=deep))
    assert await knock(door, MESSENGER, messenger.knock_of({"messaging": events})) == [200]
    assert [row.state for row in await journal()] == ["waiting", "parked", "waiting", "waiting"]


@stores
async def test_what_the_journal_refuses_is_kept_in_words() -> None:
    """Should an adapter let something through that cannot be written down: here, what is nested too deeply."""
    deep = {"deep": json.loads("[" * 400 + "]" * 400)}
    arrivals = [
        Arrival("messenger", "verses", f"m{n}", raw, person="1", heard=Heard(kind=Kind.TEXT))
        for n, raw in enumerate(({"n": 0}, deep, {"n": 2}))
    ]
    await ingest.store(arrivals)
    rows = await journal()
    assert [row.state for row in rows] == ["waiting", "parked", "waiting"]
    assert rows[1].raw == {"unreadable": repr(deep)}


HEADER = "X-Hub-Signature-256"


@pytest.mark.parametrize(
    "forge",
    [
        lambda good, body: {},
        lambda good, body: {HEADER: ""},
        lambda good, body: {HEADER: good[:-1]},
        lambda good, body: {HEADER: good[:-1] + ("0" if good[-1] != "0" else "1")},
        lambda good, body: {HEADER: good.upper()},
        lambda good, body: {HEADER: "sha256=" + good[7:].upper()},
        lambda good, body: {HEADER: good.removeprefix("sha256=")},
        lambda good, body: {HEADER: f" {good}x"},
        lambda good, body: {HEADER: "sha256=" + "é" * 64},
        lambda good, body: {
            "X-Hub-Signature": "sha1=" + hmac.new(b"messenger-canary-secret", body, hashlib.sha1).hexdigest()
        },
        lambda good, body: {
            HEADER: "sha1=" + hmac.new(b"messenger-canary-secret", body, hashlib.sha1).hexdigest()
        },
        lambda good, body: {HEADER: "sha256=" + hmac.new(b"", body, hashlib.sha256).hexdigest()},
        lambda good, body: {HEADER: f"{good},{good}"},
    ],
)
async def test_a_wrong_signature_is_refused(
    messenger: FakeMessenger, door: httpx.AsyncClient, forge: Any
) -> None:
    knocked = messenger.knock_of({"messaging": [said_by(messenger, "1", "m1", "Hello")]})
    headers = {name: value.encode() for name, value in forge(knocked.headers[HEADER], knocked.body).items()}
    answer = await door.post(MESSENGER, content=knocked.body, headers={**JSON, **headers})
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"


async def test_two_signatures_are_none(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    knocked = messenger.knock_of({"messaging": [said_by(messenger, "1", "m1", "Hello")]})
    headers = [("Content-Type", "application/json"), (HEADER, "sha256=0"), (HEADER, knocked.headers[HEADER])]
    assert (await door.post(MESSENGER, content=knocked.body, headers=headers)).status_code == 403


@stores
async def test_a_body_that_was_touched_is_refused(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    knocked = messenger.knock_of({"messaging": [said_by(messenger, "1", "m1", "Zażółć 🌍")]})
    again = json.dumps(json.loads(knocked.body), ensure_ascii=False).encode()
    assert await knock(door, MESSENGER, Knock(again, knocked.headers), knocked) == [403, 200]


@pytest.mark.parametrize("secret", [None, "", "wrong", TELEGRAM_SECRET[:-1], TELEGRAM_SECRET.upper(), "é"])
async def test_telegram_must_know_the_secret(
    telegram: FakeTelegram, door: httpx.AsyncClient, secret: str | None
) -> None:
    body = telegram.knock_of(telegram.says(41, "Hello")).body
    headers = [(b"Content-Type", b"application/json")]
    if secret is not None:
        headers.append((b"X-Telegram-Bot-Api-Secret-Token", secret.encode()))
    assert (await door.post(TELEGRAM, content=body, headers=headers)).status_code == 403


@stores
async def test_while_secrets_change_both_are_taken(
    telegram: FakeTelegram, messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    both = {"verses": {"token": telegram.token, "secrets": ("new-secret", TELEGRAM_SECRET)}}
    with override_settings(TELEGRAM_BOTS=both):
        old = telegram.knock_of(telegram.says(41, "by the old one"))
        telegram.secret = "new-secret"
        new = telegram.knock_of(telegram.says(41, "by the new one"))
        assert await knock(door, TELEGRAM, old, new) == [200, 200]
    pages = {
        "verses": {
            "page_id": messenger.page_id,
            "app_secrets": ("new-secret", messenger.app_secret),
            "verify_token": VERIFY_TOKEN,
            "access_token": "",
        }
    }
    with override_settings(MESSENGER_PAGES=pages):
        old = messenger.knock_of({"messaging": [said_by(messenger, "1", "m1", "old")]})
        messenger.app_secret = "new-secret"
        new = messenger.knock_of({"messaging": [said_by(messenger, "1", "m2", "new")]})
        messenger.app_secret = "another"
        none = messenger.knock_of({"messaging": [said_by(messenger, "1", "m3", "none")]})
        assert await knock(door, MESSENGER, old, new, none) == [200, 200, 403]


@pytest.mark.parametrize(
    ("path", "configured", "variable"),
    [
        (TELEGRAM, {"TELEGRAM_BOTS": {}}, "verses in TELEGRAM_BOTS"),
        (TELEGRAM, {"TELEGRAM_BOTS": {"verses": {"token": "t", "secrets": ()}}}, "TELEGRAM_VERSES_SECRET"),
        (TELEGRAM, {"TELEGRAM_BOTS": {"verses": {"token": "t", "secrets": ("",)}}}, "TELEGRAM_VERSES_SECRET"),
        (MESSENGER, {"MESSENGER_PAGES": {}}, "verses in MESSENGER_PAGES"),
    ],
)
async def test_what_is_not_configured_does_not_exist_and_the_log_says_why(
    door: httpx.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    path: str,
    configured: Mapping[str, Any],
    variable: str,
) -> None:
    accounts.complaints._said.clear()
    with override_settings(**configured), caplog.at_level(logging.WARNING, "parley.webhooks"):
        for _ in range(3):
            # An empty secret must not be what somebody without one sends.
            headers = {**JSON, "X-Telegram-Bot-Api-Secret-Token": ""}
            assert (await door.post(path, content=b"{}", headers=headers)).status_code == 404
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} does not exist until {variable} is set"
    ]


def test_strangers_cannot_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints()
    with caplog.at_level(logging.WARNING, "parley.webhooks"):
        for number in range(1000):
            complaints.lacks(f"/webhooks/telegram/n{number}/", "something")
    assert len(caplog.records) == 100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"object":"page","entry":[{"id":"1","messa',
        b"[]",
        b'"page"',
        b"null",
        b'{"object":"page","entry":NaN}',
        b'{"object":"page","entry":' + b"9" * 5000 + b"}",
        b'{"object":"page","entry":[1e999]}',
        b"\xff\xfe",
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
async def test_a_good_signature_does_not_make_it_json(
    messenger: FakeMessenger, door: httpx.AsyncClient, body: bytes
) -> None:
    assert await knock(door, MESSENGER, signed(messenger, body)) == [400]


@stores
async def test_characters_that_cannot_be_stored_are_mended(
    telegram: FakeTelegram, door: httpx.AsyncClient
) -> None:
    """Refused, they would come again and again, and everything else would wait behind them."""
    text = "half \ud83d a smile, \0 and nothing"
    assert await knock(door, TELEGRAM, telegram.knock_of(telegram.says(41, text))) == [200]
    [inbound] = await journal()
    assert inbound.heard is not None
    assert inbound.heard["text"] == "half \ufffd a smile, \ufffd and nothing"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_only_json_is_taken(telegram: FakeTelegram, door: httpx.AsyncClient, kind: str) -> None:
    knocked = telegram.knock_of(telegram.says(41, "Hello"))
    headers = {**knocked.headers, "Content-Type": kind}
    assert (await door.post(TELEGRAM, content=knocked.body, headers=headers)).status_code == 415


async def test_a_large_body_is_refused_whether_it_says_so_or_not(
    telegram: FakeTelegram, messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield bytes(8192)

    secret = {"X-Telegram-Bot-Api-Secret-Token": TELEGRAM_SECRET}
    forged = {HEADER: f"sha256={'0' * 64}"}
    for path, headers in ((TELEGRAM, secret), (MESSENGER, {}), (MESSENGER, forged)):
        for content in (b"{".ljust(256 * 1024 + 1), chunks()):
            answer = await door.post(path, content=content, headers={**JSON, **headers})
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), (path, headers)


@stores
async def test_a_large_batch_is_taken_if_it_is_signed(
    messenger: FakeMessenger, door: httpx.AsyncClient
) -> None:
    """Refused, Meta would bring it again for hours, and then end the subscription."""
    events = [said_by(messenger, f"{n % 9}", f"m{n}", "я" * 80) for n in range(1000)]
    batch = messenger.knock_of({"messaging": events})
    assert 256 * 1024 < len(batch.body) < 1024 * 1024
    assert await knock(door, MESSENGER, batch) == [200]
    assert len(await journal()) == 1000
    beyond = signed(messenger, batch.body.ljust(1024 * 1024 + 1))
    touched = Knock(batch.body.replace(b"m999", b"m99x"), batch.headers)
    assert await knock(door, MESSENGER, beyond, touched) == [413, 413]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", TELEGRAM, 405),
        ("PUT", MESSENGER, 405),
        ("DELETE", MESSENGER, 405),
        ("POST", "/webhooks/", 404),
        ("POST", "/webhooks/viber/verses/", 404),
        ("POST", "/webhooks/telegram/verses/more/", 404),
        ("POST", "/webhooks/telegram/ver%0Ases/", 404),
        ("POST", "/webhooks/telegram/" + "x" * 5000, 404),
    ],
)
async def test_other_ways_of_calling(
    telegram: FakeTelegram, door: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await door.request(method, path, headers=JSON)).status_code == status


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


async def challenge(door: httpx.AsyncClient, **changed: str) -> httpx.Response:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    return await door.get(
        MESSENGER, params=query | {key.replace("_", ".", 1): each for key, each in changed.items()}
    )


async def test_a_challenge_is_answered(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    answer = await challenge(door)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"hub_verify_token": "wrong"}, 403),
        ({"hub_verify_token": VERIFY_TOKEN.upper()}, 403),
        ({"hub_verify_token": ""}, 403),
        ({"hub_mode": "unsubscribe"}, 403),
        ({"hub_challenge": "<script>alert(1)</script>"}, 400),
        ({"hub_challenge": "12a"}, 400),
        ({"hub_challenge": "\uff11\uff12"}, 400),
        ({"hub_challenge": "1" * 101}, 400),
        ({"hub_challenge": ""}, 400),
    ],
)
async def test_a_challenge_that_is_none(
    messenger: FakeMessenger, door: httpx.AsyncClient, changed: dict[str, str], status: int
) -> None:
    answer = await challenge(door, **changed)
    assert answer.status_code == status
    assert "<" not in answer.text


async def test_a_challenge_twice_in_one_query(messenger: FakeMessenger, door: httpx.AsyncClient) -> None:
    for query in ("", "hub.mode", "hub.mode=subscribe&" * 50, f"hub.verify_token={VERIFY_TOKEN}&" * 2):
        assert (await door.get(f"{MESSENGER}?{query}")).status_code in {400, 403}
