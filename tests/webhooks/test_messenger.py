"""Messenger's adapter against Messenger's fake: what events mean, and what contents become there."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.test import override_settings

from messaging.content import (
    AnyContent,
    Button,
    Card,
    Cards,
    File,
    Image,
    QuickReplies,
    QuickReply,
    Text,
    Typing,
)
from messaging.heard import Arrival, Heard, Kind
from webhooks.fakes import FakeMessenger
from webhooks.platforms.base import Outgoing, Refused, RetryAt, SendOutcome, Sent
from webhooks.platforms.messenger import MESSENGER

BOB = "4100"


def arrivals(messenger: FakeMessenger) -> list[Arrival]:
    """What the fake has just called with."""
    return [
        arrival
        for knock in messenger.take_knocks()
        for arrival in MESSENGER.parse("verses", json.loads(knock.body))
    ]


def heard(messenger: FakeMessenger) -> Heard:
    [arrival] = arrivals(messenger)
    assert arrival.heard is not None, arrival.error
    assert arrival.person == BOB
    return arrival.heard


@pytest.fixture
def send(messenger: FakeMessenger, client: httpx.AsyncClient) -> Any:
    messenger.says(BOB, "Hello")
    messenger.take_knocks()

    async def send(content: AnyContent | Typing, **fields: Any) -> SendOutcome:
        fields = {"heard_at": datetime.now(UTC)} | fields
        return await MESSENGER.send(client, Outgoing("verses", BOB, content, **fields))

    return send


async def test_what_events_mean(messenger: FakeMessenger, send: Any) -> None:
    messenger.says(BOB, "/help me")
    command = heard(messenger)
    assert (command.kind, command.command, command.argument) == (Kind.COMMAND, "help", "me")
    messenger.gets_started(BOB, "friend")
    start = heard(messenger)
    assert (start.kind, start.command, start.argument) == (Kind.COMMAND, "start", "friend")
    messenger.posts_back(BOB, "take:1", "Take")
    button = heard(messenger)
    assert (button.kind, button.press, button.text, button.editable) == (Kind.BUTTON, "take:1", "Take", False)
    messenger.sends_attachment(BOB, "image", url="https://example.org/i.png")
    assert heard(messenger).attachments[0].url == "https://example.org/i.png"
    messenger.sends_attachment(BOB, "location", coordinates={"lat": 59.9, "long": 30.3})
    place = heard(messenger)
    assert (place.kind, place.latitude, place.longitude) == (Kind.LOCATION, 59.9, 30.3)
    messenger.comes_by(BOB, "poster")
    assert heard(messenger) == Heard(kind=Kind.REFERRAL, argument="poster")
    messenger.opts_in(BOB, "daily")
    assert heard(messenger) == Heard(kind=Kind.OPT_IN, argument="daily")
    messenger.says(BOB, "Helo")
    said = heard(messenger)
    messenger.rewrites(BOB, "Hello")
    assert heard(messenger) == Heard(kind=Kind.EDITED, text="Hello", about=said.message_id)
    messenger.on_standby(BOB, "To somebody else")
    assert heard(messenger).kind == Kind.STANDBY
    await send(Text(text="Hi"))
    messenger.reacts(BOB, "❤")
    assert heard(messenger) == Heard(kind=Kind.REACTION, text="❤", about=messenger.last(BOB).mid)
    messenger.reads(BOB)
    read = heard(messenger)
    assert read.kind == Kind.READ
    assert read.watermark is not None
    assert abs(read.watermark - datetime.now(UTC)) < timedelta(seconds=5)


async def test_what_the_page_says_elsewhere_belongs_to_the_person(
    messenger: FakeMessenger, send: Any
) -> None:
    messenger.sends_echoes = messenger.sends_receipts = True
    outcome = await send(Text(text="Hi"))
    echo, delivered = arrivals(messenger)
    assert echo.heard == Heard(kind=Kind.ECHO, text="Hi", message_id=outcome.external_ids[0], is_ours=True)
    assert echo.person == delivered.person == BOB
    assert delivered.heard is not None
    assert delivered.heard.kind == Kind.DELIVERED


async def test_events_without_a_name_are_told_apart_by_what_they_say(messenger: FakeMessenger) -> None:
    event = {"sender": {"id": BOB}, "recipient": {"id": messenger.page_id}, "timestamp": 1_760_000_000_000}
    other = {**event, "timestamp": 1_760_000_000_001}
    reads = [
        {**event, "read": {"watermark": 5}},
        {**event, "read": {"watermark": 6}},
        {**other, "read": {"watermark": 5}},
        {**event, "delivery": {"watermark": 5}},
        {**event, "sender": {"id": "1"}, "read": {"watermark": 5}},
    ]
    for _ in range(2):
        messenger.knock(messenger.knock_of({"messaging": reads}))
    names = [arrival.external_id for arrival in arrivals(messenger)]
    assert len(set(names[:5])) == 5
    assert names[:5] == names[5:]


@pytest.mark.parametrize(
    ("count", "kind", "messages"),
    [
        (1, "template", 1),
        (3, "template", 1),
        (4, "text", 1),
        (13, "text", 1),
        (14, "cards", 2),
        (30, "cards", 2),
    ],
)
async def test_buttons_find_a_form_and_are_buttons_when_they_are_pressed(
    messenger: FakeMessenger, send: Any, count: int, kind: str, messages: int
) -> None:
    title = "A title that is longer than twenty"
    rows = [[Button(title=f"{n} {title}", press=f"take:{n}")] for n in range(count)]
    outcome = await send(Text(text="Choose", buttons=rows))
    assert isinstance(outcome, Sent), outcome
    assert len(outcome.external_ids) == messages
    assert messenger.last(BOB).kind == kind
    assert messenger.said_to(BOB)[0] == "Choose"
    shown = [*messenger.last(BOB).buttons, *messenger.last(BOB).quick_replies]
    assert [each["title"] for each in shown] == [f"{n} {title}"[:19].rstrip() + "…" for n in range(count)]
    messenger.presses(BOB, shown[-1]["title"])
    pressed = heard(messenger)
    assert (pressed.kind, pressed.press) == (Kind.BUTTON, f"take:{count - 1}")


async def test_links_are_never_suggested_answers(messenger: FakeMessenger, send: Any) -> None:
    rows = [
        [Button(title=f"{n}", press=f"{n}") for n in range(4)],
        [Button(title="Site", url="https://example.org")],
    ]
    await send(Text(text="Choose", buttons=rows))
    assert [each["title"] for each in messenger.last(BOB).buttons] == ["0", "1", "2", "3", "Site"]


async def test_suggested_answers(messenger: FakeMessenger, send: Any) -> None:
    replies = [QuickReply(title="Yes", press="y"), QuickReply(title="Help", press="/help")]
    await send(QuickReplies(text="Shall I?", replies=replies))
    messenger.presses(BOB, "Yes")
    chosen = heard(messenger)
    assert (chosen.kind, chosen.press, chosen.text) == (Kind.QUICK_REPLY, "y", "Yes")
    messenger.presses(BOB, "Help")
    assert heard(messenger).command == "help"


async def test_long_texts_pictures_files_and_cards(messenger: FakeMessenger, send: Any) -> None:
    text = "\n\n".join(f"{n} " + ("word " * 150).strip() for n in range(9))
    outcome = await send(Text(text=text))
    assert "\n\n".join(messenger.said_to(BOB)) == text
    assert len(outcome.external_ids) == len(messenger.said_to(BOB)) > 3
    await send(Text(text=text, buttons=[[Button(title="More", press="more")]]))
    assert messenger.last(BOB).kind == "template"
    await send(Image(url="https://example.org/sea.png", text="The sea"))
    assert [each.kind for each in messenger.chats[BOB][-2:]] == ["image", "text"]
    await send(File(name="export.csv", content="a,b\n"))
    assert (messenger.last(BOB).text, messenger.last(BOB).file) == ("export.csv", b"a,b\n")
    cards = [
        Card(title="One", subtitle="first", buttons=[Button(title="Take", press="t")]),
        Card(title="Two"),
    ]
    await send(Cards(text="Choose", cards=cards))
    assert messenger.said_to(BOB)[-2] == "Choose"
    assert messenger.last(BOB).kind == "cards"
    assert await send(Typing()) == Sent()
    assert messenger.typing == [BOB]


async def test_the_window(messenger: FakeMessenger, send: Any) -> None:
    now = datetime.now(UTC)

    async def after(hours: float, **fields: Any) -> SendOutcome:
        messenger.heard_at[BOB] = (now - timedelta(hours=hours)).timestamp()
        outcome: SendOutcome = await send(Text(text="Hello"), heard_at=now - timedelta(hours=hours), **fields)
        return outcome

    assert isinstance(await after(23.9), Sent)
    late = await after(24.1)
    assert isinstance(late, Refused)
    assert (late.code, late.skipped, late.unreachable) == ("window_closed", True, False)
    assert isinstance(await after(24.1, by_human=True), Sent)
    assert messenger.last(BOB).tag == "HUMAN_AGENT"
    assert isinstance(await after(1, by_human=True), Sent)
    assert messenger.last(BOB).tag == ""
    assert isinstance(await after(7 * 24 + 1, by_human=True), Refused)
    assert isinstance(await send(Text(text="Hello"), heard_at=None), Refused)
    # Our clock says open, theirs closed.
    messenger.heard_at[BOB] = 0
    refused = await send(Text(text="Hello"))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.skipped) == ("window_closed", True)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("429", RetryAt(None, "Calls to this api have exceeded the rate limit.", whole_account=True)),
        ("403", Refused("unreachable", "This person isn't available right now.", unreachable=True)),
        ("500", RetryAt(None, "Service temporarily unavailable")),
        ("html", RetryAt(None, "Messenger answered 502 without JSON.", is_unknown=True)),
    ],
)
async def test_what_goes_wrong(messenger: FakeMessenger, send: Any, kind: str, outcome: SendOutcome) -> None:
    messenger.fail(kind)
    assert await send(Text(text="Hello")) == outcome
    assert messenger.said_to(BOB) == []


async def test_no_token_is_ever_told(
    messenger: FakeMessenger, send: Any, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[object] = [await send(Text(text="Hello"))]
    for kind in ("429", "500", "html", "401"):
        messenger.fail(kind)
        told.append(await send(Text(text="Hello")))
    for url in ("http://127.0.0.1:1", "nonsense://x"):
        with override_settings(MESSENGER_API_URL=url):
            told.append(await send(Text(text="Hello")))
            told.append(await MESSENGER.profile(client, "verses", BOB))
    assert "canary" not in caplog.text + repr(told)
    assert all("canary" not in asked.path and "access_token" not in asked.params for asked in messenger.asked)


async def test_profiles(messenger: FakeMessenger, client: httpx.AsyncClient) -> None:
    messenger.person(BOB, first_name="Bob", profile_pic="https://example.org/bob.png")
    profile = await MESSENGER.profile(client, "verses", BOB)
    assert profile is not None
    assert (profile.first_name, profile.picture_url) == ("Bob", "https://example.org/bob.png")
    assert await MESSENGER.profile(client, "verses", "999") is None
