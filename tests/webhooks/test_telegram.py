"""Telegram's adapter against Telegram's fake: what updates mean, and what contents become there."""

import logging
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
    LocationRequest,
    QuickReplies,
    QuickReply,
    Text,
    Typing,
)
from messaging.heard import Heard, Kind
from webhooks.fakes import FakeTelegram, Fault
from webhooks.platforms.base import CannotShow, Outgoing, Refused, RetryAt, SendOutcome, Sent
from webhooks.platforms.telegram import TELEGRAM

BOB = 41


def heard(update: dict[str, Any]) -> Heard:
    [arrival] = TELEGRAM.parse("verses", update)
    assert arrival.person == str(BOB), arrival.error
    assert arrival.heard is not None, arrival.error
    return arrival.heard


@pytest.fixture
def send(telegram: FakeTelegram, client: httpx.AsyncClient) -> Any:
    telegram.person(BOB)

    async def send(content: AnyContent | Typing, **fields: Any) -> SendOutcome:
        return await TELEGRAM.send(client, Outgoing("verses", str(BOB), content, **fields))

    return send


async def test_what_updates_mean(telegram: FakeTelegram, send: Any) -> None:
    assert heard(telegram.says(BOB, "/Start@fake_bot  ref_7")).model_dump(
        include={"kind", "command", "argument"}
    ) == {
        "kind": "command",
        "command": "start",
        "argument": "ref_7",
    }
    assert heard(telegram.says(BOB, "Good morning")).kind == Kind.TEXT
    photo = heard(telegram.sends_photo(BOB, caption="The sea"))
    assert (photo.kind, photo.text, photo.attachments[0].kind) == (Kind.ATTACHMENT, "The sea", "image")
    document = heard(telegram.sends_document(BOB, "poem.txt")).attachments[0]
    assert (document.kind, document.name, document.file_id in telegram.files) == ("file", "poem.txt", True)
    place = heard(telegram.sends_location(BOB, 59.93, 30.31))
    assert (place.kind, place.latitude, place.longitude) == (Kind.LOCATION, 59.93, 30.31)
    telegram.says(BOB, "Helo")
    edited = heard(telegram.rewrites(BOB, "Hello"))
    assert (edited.kind, edited.text, edited.about) == (
        Kind.EDITED,
        "Hello",
        str(telegram.chats[BOB][-1].message_id),
    )
    assert heard(telegram.blocks(BOB)).kind == Kind.UNREACHABLE
    assert heard(telegram.unblocks(BOB)).kind == Kind.REACHABLE
    await send(Text(text="Hi"))
    reaction = heard(telegram.reacts(BOB, "👍"))
    assert (reaction.kind, reaction.text, reaction.about) == (
        Kind.REACTION,
        "👍",
        str(telegram.last(BOB).message_id),
    )
    assert heard(telegram.reacts(BOB, "")).text == ""


async def test_a_button_and_its_answer_in_place(
    telegram: FakeTelegram, send: Any, client: httpx.AsyncClient
) -> None:
    rows = [[Button(title="A & <B>", press="letter:a"), Button(title="Site", url="https://example.org/")]]
    sent = await send(Text(text="1 < 2 & 3", buttons=rows))
    shown = telegram.last(BOB)
    assert sent == Sent((str(shown.message_id),))
    assert (shown.text, shown.titles) == ("1 < 2 & 3", [["A & <B>", "Site"]])
    press = heard(telegram.presses(BOB, "A & <B>"))
    assert (press.kind, press.press, press.about, press.editable) == (
        Kind.BUTTON,
        "letter:a",
        str(shown.message_id),
        True,
    )
    await TELEGRAM.acknowledge(client, "verses", press.acknowledge)
    assert telegram.answered == [{"callback_query_id": press.acknowledge}]
    assert await send(Text(text="In its place"), edits=press.about) == sent
    assert (shown.text, shown.titles, shown.edits) == ("In its place", [], 1)
    # Already so: fine. Gone: said anew.
    assert await send(Text(text="In its place"), edits=press.about) == sent
    assert await send(Text(text="Anew"), edits="999999") == Sent((str(telegram.last(BOB).message_id),))
    assert telegram.said_to(BOB) == ["In its place", "Anew"]


async def test_suggested_answers_go_with_the_answer(
    telegram: FakeTelegram, send: Any, client: httpx.AsyncClient
) -> None:
    replies = [QuickReply(title="Yes", press="y" * 63), QuickReply(title="Help", press="/help me")]
    await send(QuickReplies(text="Shall I?", replies=replies))
    assert telegram.last(BOB).titles == [["Yes"], ["Help"]]
    command = heard(telegram.presses(BOB, "Help"))
    assert (command.kind, command.command, command.argument) == (Kind.COMMAND, "help", "me")
    chosen = heard(telegram.presses(BOB, "Yes"))
    assert (chosen.kind, chosen.press, chosen.editable) == (Kind.QUICK_REPLY, "y" * 63, False)
    await TELEGRAM.acknowledge(client, "verses", chosen.acknowledge)
    assert telegram.last(BOB).titles == []


async def test_long_texts_are_cut_between_paragraphs(telegram: FakeTelegram, send: Any) -> None:
    paragraphs = [f"{n} " + "word 🌊 " * 150 for n in range(7)]
    text = "\n\n".join(paragraph.strip() for paragraph in paragraphs)
    sent = await send(Text(text=text, buttons=[[Button(title="More", press="more")]]))
    parts = telegram.said_to(BOB)
    assert len(parts) == len(sent.external_ids) > 1
    assert "\n\n".join(parts) == text
    assert telegram.last(BOB).titles == [["More"]]
    assert all(not shown.titles for shown in telegram.chats[BOB][:-1])


async def test_what_got_through_is_not_sent_again(telegram: FakeTelegram, send: Any) -> None:
    text = "\n\n".join("x" * 2500 for _ in range(3))
    faults = iter([None, Fault("500")])
    telegram.choose_fault = lambda method: next(faults, None)
    broken = await send(Text(text=text))
    assert isinstance(broken, RetryAt)
    assert broken.sent == (str(telegram.last(BOB).message_id),)
    again = await send(Text(text=text), sent_before=broken.sent)
    assert again == Sent(tuple(str(shown.message_id) for shown in telegram.chats[BOB]))
    assert telegram.said_to(BOB) == ["x" * 2500] * 3


async def test_pictures_files_and_cards(telegram: FakeTelegram, send: Any) -> None:
    await send(Image(url="https://example.org/sea.png", text="The <sea>"))
    assert (telegram.last(BOB).kind, telegram.last(BOB).text) == ("photo", "The <sea>")
    await send(File(name="export.csv", content="a,b\n1,2\n", text="x" * 1500))
    assert [each.kind for each in telegram.chats[BOB][-2:]] == ["document", "text"]
    assert telegram.files[telegram.chats[BOB][-2].file] == b"a,b\n1,2\n"
    file_id = heard(telegram.sends_document(BOB)).attachments[0].file_id
    await send(File(file_id=file_id))
    assert telegram.last(BOB).file == file_id
    cards = [
        Card(title="One", subtitle="the <first>", buttons=[Button(title="Take", press="take:1")]),
        Card(title="Two", image="https://example.org/2.png"),
    ]
    sent = await send(Cards(text="Choose", cards=cards))
    assert len(sent.external_ids) == 3
    assert telegram.said_to(BOB)[-3:] == ["Choose", "One\nthe <first>", "Two"]
    await send(LocationRequest(text="Where are you?"))
    assert telegram.last(BOB).asks_location
    assert await send(Typing()) == Sent()


@pytest.mark.parametrize(
    ("kind", "details", "outcome"),
    [
        (
            "429",
            {"retry_after_s": 17},
            RetryAt(17.0, "Too Many Requests: retry after 17", whole_account=True),
        ),
        ("403", {}, Refused("unreachable", "Forbidden: bot was blocked by the user", unreachable=True)),
        ("400", {}, Refused("unreachable", "Bad Request: chat not found", unreachable=True)),
        ("500", {}, RetryAt(None, "Internal Server Error")),
        ("html", {}, RetryAt(None, "Telegram answered 502 without JSON.", is_unknown=True)),
        ("slow", {"wait_s": 0.5}, RetryAt(None, "No answer: TimeoutError.", is_unknown=True)),
    ],
)
async def test_what_goes_wrong(
    telegram: FakeTelegram, send: Any, kind: str, details: dict[str, Any], outcome: SendOutcome
) -> None:
    telegram.fail(kind, **details)
    with override_settings(PLATFORM_TIMEOUT_S=0.2 if kind == "slow" else 5.0):
        assert await send(Text(text="Hello")) == outcome
    assert telegram.said_to(BOB) == []


async def test_strangers_and_people_who_blocked_the_bot(
    telegram: FakeTelegram, client: httpx.AsyncClient
) -> None:
    outgoing = Outgoing("verses", "777", Text(text="Hello"))
    assert (await TELEGRAM.send(client, outgoing)) == Refused(
        "unreachable", "Bad Request: chat not found", unreachable=True
    )


async def test_no_token_is_ever_told(
    telegram: FakeTelegram, send: Any, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where the token is wrong, nor the address, nor the answer."""
    caplog.set_level(logging.DEBUG)
    told: list[object] = [await send(Text(text="Hello"))]
    for kind in ("429", "500", "html", "401"):
        telegram.fail(kind)
        told.append(await send(Text(text="Hello")))
    for url in (telegram.url + "/nowhere", "http://127.0.0.1:1", "nonsense://x", "http://[::bad"):
        with override_settings(TELEGRAM_API_URL=url):
            told.append(await send(Text(text="Hello")))
            await TELEGRAM.acknowledge(client, "verses", "1")
            told.append(await TELEGRAM.profile(client, "verses", str(BOB)))
    with override_settings(TELEGRAM_BOTS={"verses": {"token": "1:canary-token-2", "secrets": ()}}):
        outcome = await send(Text(text="Hello"))
        told.append(outcome)
        assert "TELEGRAM_VERSES_TOKEN" in outcome.reason
        assert outcome.whole_account
    everything = caplog.text + repr(told)
    assert "canary" not in everything
    assert "Hello" not in caplog.text


async def test_profiles_and_files(telegram: FakeTelegram, client: httpx.AsyncClient) -> None:
    telegram.person(BOB, first_name="Bob", username="bob")
    profile = await TELEGRAM.profile(client, "verses", str(BOB))
    assert profile is not None
    assert (profile.first_name, profile.username) == ("Bob", "bob")
    assert await TELEGRAM.profile(client, "verses", "999") is None
    file_id = heard(telegram.sends_document(BOB, content=b"words of mine")).attachments[0].file_id
    assert await TELEGRAM.download(client, "verses", file_id) == b"words of mine"


def test_what_telegram_cannot_show_is_found_by_the_bot_s_own_tests() -> None:
    TELEGRAM.check(Text(text="Hi", buttons=[[Button(title="A", press="я" * 32)]]))
    TELEGRAM.check(QuickReplies(text="Hi", replies=[QuickReply(title="A", press="x" * 63)]))
    with pytest.raises(CannotShow):
        TELEGRAM.check(QuickReplies(text="Hi", replies=[QuickReply(title="A", press="x" * 64)]))
    with pytest.raises(CannotShow):
        TELEGRAM.check(Cards(cards=[Card(title="A", buttons=[Button(title="B", press=">x")])]))
