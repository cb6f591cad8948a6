"""The fake is faithful: the clients that others write for the real Telegram work with it, and what they make of an update
is taken by our door.
"""

import json
from collections.abc import AsyncIterator

import aiogram
import httpx
import pytest
import telegram as ptb
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter
from telegram.error import BadRequest, Conflict, Forbidden, RetryAfter

from tests.webhooks.conftest import TELEGRAM, journal, knock
from webhooks.fakes import FakeTelegram
from webhooks.fakes.server import Knock

BOB = 41


@pytest.fixture
async def python_telegram_bot(
    telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ptb.Bot]:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # the old way is a warning
    bot = ptb.Bot(telegram.token, base_url=f"{telegram.url}/bot", base_file_url=f"{telegram.url}/file/bot")
    async with bot:
        yield bot


@pytest.fixture
async def aiogram_bot(telegram: FakeTelegram) -> AsyncIterator[aiogram.Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with aiogram.Bot(telegram.token, session=session) as bot:
        yield bot


async def test_python_telegram_bot(telegram: FakeTelegram, python_telegram_bot: ptb.Bot) -> None:
    bot = python_telegram_bot
    assert (await bot.get_me()).username == "fake_bot"
    telegram.says(BOB, "/start friend")
    telegram.sends_photo(BOB, b"the sea", caption="The sea")
    telegram.sends_location(BOB, 59.9, 30.3)
    said, photo, place = await bot.get_updates(timeout=1)
    assert said.message is not None
    assert said.message.parse_entities() == {said.message.entities[0]: "/start"}
    assert photo.message is not None
    file = await bot.get_file(photo.message.photo[-1].file_id)
    assert bytes(await file.download_as_bytearray()) == b"the sea"
    assert place.message is not None
    assert place.message.location is not None
    assert await bot.get_updates(offset=place.update_id + 1, timeout=0) == ()
    keyboard = ptb.InlineKeyboardMarkup([[ptb.InlineKeyboardButton("More", callback_data="more")]])
    sent = await bot.send_message(BOB, "<b>One</b> &amp; two", parse_mode="HTML", reply_markup=keyboard)
    assert sent.text == "One & two"
    telegram.presses(BOB, "More")
    [pressed] = await bot.get_updates(timeout=1)
    assert pressed.callback_query is not None
    assert pressed.callback_query.data == "more"
    await pressed.callback_query.answer()
    edited = await bot.edit_message_text("Three", chat_id=BOB, message_id=sent.message_id)
    assert isinstance(edited, ptb.Message)
    assert edited.text == "Three"
    with pytest.raises(BadRequest, match="not modified"):
        await bot.edit_message_text("Three", chat_id=BOB, message_id=sent.message_id)
    document = await bot.send_document(BOB, document=b"a,b\n", filename="export.csv")
    assert document.document is not None
    assert telegram.files[document.document.file_id] == b"a,b\n"
    await bot.send_chat_action(BOB, "typing")
    await bot.set_my_commands([("help", "Help")], language_code="en")
    assert await bot.get_my_commands(language_code="en") == (ptb.BotCommand("help", "Help"),)
    with pytest.raises(BadRequest, match="too long"):
        await bot.send_message(BOB, "x" * 4097)
    telegram.fail("429", retry_after_s=3)
    with pytest.raises(RetryAfter):
        await bot.send_message(BOB, "Too much")
    telegram.blocks(BOB)
    with pytest.raises(Forbidden):
        await bot.send_message(BOB, "Hello?")
    # Dropped, or the fake would bring to that address what is waiting.
    await bot.set_webhook("https://example.org:8443/hook", secret_token="abc", drop_pending_updates=True)
    assert (await bot.get_webhook_info()).url == "https://example.org:8443/hook"
    with pytest.raises(Conflict):
        await bot.get_updates()


async def test_aiogram(telegram: FakeTelegram, aiogram_bot: aiogram.Bot) -> None:
    bot = aiogram_bot
    assert (await bot.me()).username == "fake_bot"
    telegram.says(BOB, "Hello")
    telegram.sends_document(BOB, "poem.txt", b"words")
    said, document = await bot.get_updates(timeout=1)
    assert said.message is not None
    assert said.message.text == "Hello"
    assert document.message is not None
    assert document.message.document is not None
    file = await bot.download(document.message.document)
    assert file is not None
    assert file.read() == b"words"
    button = aiogram.types.InlineKeyboardButton(text="More", callback_data="more")
    keyboard = aiogram.types.InlineKeyboardMarkup(inline_keyboard=[[button]])
    sent = await bot.send_message(BOB, "<i>One</i>", parse_mode="HTML", reply_markup=keyboard)
    assert sent.text == "One"
    telegram.presses(BOB, "More")
    telegram.reacts(BOB, "👍")
    telegram.blocks(BOB)
    updates = await bot.get_updates(offset=document.update_id + 1, timeout=1)
    assert [update.event_type for update in updates] == [
        "callback_query",
        "message_reaction",
        "my_chat_member",
    ]
    with pytest.raises(TelegramForbiddenError):
        await bot.send_message(BOB, "Hello?")
    telegram.unblocks(BOB)
    photo = await bot.send_photo(BOB, aiogram.types.BufferedInputFile(b"sea", "sea.png"), caption="The sea")
    assert photo.caption == "The sea"
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(999, "Hello?")
    telegram.fail("429", retry_after_s=3)
    with pytest.raises(TelegramRetryAfter) as refused:
        await bot.send_message(BOB, "Too much")
    assert refused.value.retry_after == 3


@pytest.mark.django_db(transaction=True)
async def test_updates_that_they_make_are_taken(telegram: FakeTelegram, door: httpx.AsyncClient) -> None:
    theirs = telegram.knock_of(telegram.says(BOB, "Hello"))
    by_ptb = ptb.Update.de_json(json.loads(theirs.body), None).to_json().encode()
    other = telegram.knock_of(telegram.says(BOB, "Good morning"))
    by_aiogram = aiogram.types.Update.model_validate_json(other.body).model_dump_json(by_alias=True).encode()
    knocks = [Knock(body, theirs.headers) for body in (by_ptb, by_aiogram)]
    assert await knock(door, TELEGRAM, *knocks) == [200, 200]
    rows = await journal()
    assert [(row.person, row.heard and row.heard["text"]) for row in rows] == [
        (str(BOB), "Hello"),
        (str(BOB), "Good morning"),
    ]
