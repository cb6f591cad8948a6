"""Telegram's adapter: how to say something there. https://core.telegram.org/bots/api"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from django.conf import settings
from pydantic import ValidationError

from messaging.content import (
    AnyContent,
    Button,
    Card,
    Cards,
    File,
    Image,
    LocationRequest,
    QuickReplies,
    Text,
    Typing,
)
from messaging.heard import Arrival, Profile
from webhooks.accounts import TelegramAccount, telegram_account
from webhooks.platforms.base import CannotShow, Limits, Outgoing, Refused, RetryAt, SendOutcome, Sent
from webhooks.platforms.calls import CallFailed, call, fetch, without_secrets
from webhooks.platforms.telegram_updates import QUICK, User, arrival_of, profile_of
from webhooks.platforms.words import length, parts_of, presses_of, shortened

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_DATA_BYTES = 64
MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024
# A token that is wrong may be set right; until then nothing of this bot need be tried.
TOKEN_AGAIN_S = 60.0


@dataclass(frozen=True)
class _Call:
    """One method with its parameters. `replaces`: what it is if the message to be edited is not there any more."""

    method: str
    params: dict[str, Any]
    files: dict[str, Any] | None = None
    otherwise: "_Call | None" = None


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _data_of(button: Button) -> dict[str, str]:
    link = {"url": button.url} if button.url is not None else {"callback_data": button.press or ""}
    return {"text": button.title, **link}


def _keyboard(rows: Sequence[Sequence[Button]]) -> dict[str, Any]:
    """Rows stay rows; Telegram shows eight buttons in one at most."""
    shown = [
        [_data_of(button) for button in row[start : start + 8]]
        for row in rows
        for start in range(0, len(row), 8)
    ]
    return {"reply_markup": {"inline_keyboard": shown}} if shown else {}


def _text_calls(text: str, markup: dict[str, Any], edits: str = "") -> Iterator[_Call]:
    parts = parts_of(text, MAX_TEXT)
    for number, part in enumerate(parts):
        params = {
            "text": _escaped(part),
            "parse_mode": "HTML",
            **(markup if number == len(parts) - 1 else {}),
        }
        new = _Call("sendMessage", params)
        if edits and number == 0:
            yield _Call("editMessageText", {**params, "message_id": int(edits)}, otherwise=new)
        else:
            yield new


def _captioned(call: _Call, text: str) -> Iterator[_Call]:
    """Something with words below, or after it, if they are too long."""
    if length(text) <= MAX_CAPTION:
        caption = {"caption": _escaped(text), "parse_mode": "HTML"} if text.strip() else {}
        yield _Call(call.method, {**call.params, **caption}, call.files)
    else:
        yield call
        yield from _text_calls(text, {})


def _card_calls(card: Card) -> Iterator[_Call]:
    words = f"<b>{_escaped(card.title)}</b>" + (f"\n{_escaped(card.subtitle)}" if card.subtitle else "")
    markup = _keyboard([[button] for button in card.buttons])
    if card.image is not None:
        yield _Call("sendPhoto", {"photo": card.image, "caption": words, "parse_mode": "HTML", **markup})
    else:
        yield _Call("sendMessage", {"text": words, "parse_mode": "HTML", **markup})


def _calls_for(content: AnyContent, edits: str) -> Iterator[_Call]:
    """In order, what has to be called; each makes one message."""
    match content:
        case Text():
            yield from _text_calls(content.text, _keyboard(content.buttons), edits)
        case QuickReplies():
            rows = [[{"text": each.title, "callback_data": QUICK + each.press}] for each in content.replies]
            yield from _text_calls(content.text, {"reply_markup": {"inline_keyboard": rows}})
        case Image():
            yield from _captioned(_Call("sendPhoto", {"photo": content.url or content.file_id}), content.text)
        case File(content=str() as document):
            files = {"document": (content.name, document.encode(), "text/plain; charset=utf-8")}
            yield from _captioned(_Call("sendDocument", {}, files), content.text)
        case File():
            yield from _captioned(
                _Call("sendDocument", {"document": content.url or content.file_id}), content.text
            )
        case Cards():
            if content.text.strip():
                yield from _text_calls(content.text, {})
            for card in content.cards:
                yield from _card_calls(card)
        case LocationRequest():
            ask = {"text": shortened(content.title, 64), "request_location": True}
            keyboard = {"keyboard": [[ask]], "one_time_keyboard": True, "resize_keyboard": True}
            yield from _text_calls(content.text, {"reply_markup": keyboard})


class Telegram:
    """See `Platform`."""

    name = "telegram"
    limits = Limits(per_second=settings.TELEGRAM_PER_SECOND, chat_interval_s=1.0, chat_burst=5)
    edits = True

    def accounts(self) -> list[str]:
        return [name for name, account in settings.TELEGRAM_BOTS.items() if account["token"]]

    def parse(self, account: str, body: Mapping[str, Any]) -> list[Arrival]:
        return [arrival_of(self.name, account, body)]

    def check(self, content: AnyContent) -> None:
        if isinstance(content, QuickReplies):
            for reply in content.replies:
                if len((QUICK + reply.press).encode()) > MAX_DATA_BYTES:
                    raise CannotShow(f"On Telegram a quick reply presses {MAX_DATA_BYTES - 1} bytes at most.")
        if any(press.startswith(QUICK) for press in presses_of(content)):
            raise CannotShow(f"On Telegram what a button presses does not begin with {QUICK}.")

    async def send(self, client: httpx.AsyncClient, outgoing: Outgoing) -> SendOutcome:
        account = telegram_account(outgoing.account)
        if account is None or not account.token:
            return RetryAt(TOKEN_AGAIN_S, _no_token(outgoing.account), whole_account=True)
        chat = {"chat_id": outgoing.person}
        if isinstance(outgoing.content, Typing):
            return await _do(client, account, _Call("sendChatAction", {**chat, "action": "typing"}), ())
        sent = outgoing.sent_before
        for each in list(_calls_for(outgoing.content, outgoing.edits))[len(sent) :]:
            outcome = await _do(client, account, each, sent, chat)
            if not isinstance(outcome, Sent):
                return outcome
            sent = outcome.external_ids
        return Sent(sent)

    async def acknowledge(self, client: httpx.AsyncClient, account: str, acknowledge: str) -> None:
        query, _, message = acknowledge.partition(" ")
        known = telegram_account(account)
        if known is None or not known.token:
            return
        await _do(client, known, _Call("answerCallbackQuery", {"callback_query_id": query}), ())
        if message:
            chat_id, _, message_id = message.partition(" ")
            gone = {"chat_id": chat_id, "message_id": int(message_id)}
            await _do(client, known, _Call("editMessageReplyMarkup", gone), ())

    async def profile(self, client: httpx.AsyncClient, account: str, person: str) -> Profile | None:
        known = telegram_account(account)
        if known is None or not known.token:
            return None
        try:
            user = User.model_validate(await ask(client, known, "getChat", {"chat_id": person}))
        except (CallFailed, TelegramRefused, ValidationError):
            return None
        return profile_of(user)

    async def download(self, client: httpx.AsyncClient, account: str, file_id: str) -> bytes:
        """What somebody sent. Raises `CallFailed` and `TelegramRefused`."""
        known = telegram_account(account)
        if known is None or not known.token:
            raise CallFailed(_no_token(account))
        found = await ask(client, known, "getFile", {"file_id": file_id})
        # The address has the token in it: it stays in here.
        url = f"{settings.TELEGRAM_API_URL}/file/bot{known.token}/{quote(str(found.get('file_path', '')))}"
        status, content = await fetch(client, "GET", url, max_bytes=MAX_DOWNLOAD_BYTES)
        if status != httpx.codes.OK:
            raise CallFailed(f"Telegram answered {status} instead of the file.")
        return content


class TelegramRefused(Exception):
    """Telegram's `ok: false`. The text has no secret in it."""

    def __init__(self, status: int, sentence: str, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.retry_after_s = retry_after_s


async def ask(
    client: httpx.AsyncClient,
    account: TelegramAccount,
    method: str,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    *,
    within_s: float | None = None,
) -> Any:
    """Calls a method and returns its result. Raises `CallFailed` and `TelegramRefused`."""
    url = f"{settings.TELEGRAM_API_URL}/bot{account.token}/{method}"
    params = {name: value for name, value in (params or {}).items() if value is not None}
    if files:
        # Beside a file everything is a form field, what has a structure as JSON.
        fields = {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in params.items()
        }
        answer = await call(client, "POST", url, data=fields, files=files)
    else:
        answer = await call(client, "POST", url, json=params, within_s=within_s)
    body = answer.body
    if body is None:
        raise CallFailed(f"Telegram answered {answer.status} without JSON.")
    if body.get("ok") is True:
        return body.get("result")
    parameters = body.get("parameters")
    wait_s = parameters.get("retry_after") if isinstance(parameters, dict) else None
    raise TelegramRefused(
        answer.status,
        without_secrets(body.get("description", f"Telegram answered {answer.status}."), account.token),
        float(wait_s) if isinstance(wait_s, int | float) and wait_s >= 0 else None,
    )


async def _do(
    client: httpx.AsyncClient,
    account: TelegramAccount,
    each: _Call,
    sent: tuple[str, ...],
    chat: Mapping[str, Any] | None = None,
) -> SendOutcome:
    """One call, after those that made the messages `sent`."""
    try:
        result = await ask(client, account, each.method, {**(chat or {}), **each.params}, each.files)
    except CallFailed as failure:
        return RetryAt(None, str(failure), sent=sent, is_unknown=failure.may_be_done)
    except TelegramRefused as refusal:
        said = refusal.sentence.lower()
        if "message is not modified" in said:
            return Sent((*sent, str(each.params.get("message_id", ""))))
        if each.otherwise is not None and refusal.status == httpx.codes.BAD_REQUEST and "message" in said:
            return await _do(client, account, each.otherwise, sent, chat)
        return _outcome_of(account, refusal, sent)
    message_id = result.get("message_id") if isinstance(result, dict) else None
    return Sent((*sent, str(message_id)) if message_id is not None else sent)


_UNREACHABLE = ("chat not found", "user is deactivated", "peer_id_invalid", "bot can't initiate conversation")


def _outcome_of(
    account: TelegramAccount, refusal: TelegramRefused, sent: tuple[str, ...]
) -> RetryAt | Refused:
    status, sentence = refusal.status, refusal.sentence
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RetryAt(refusal.retry_after_s, sentence, whole_account=True, sent=sent)
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND}:
        why = f"Telegram does not know the token: check TELEGRAM_{account.name.upper()}_TOKEN."
        return RetryAt(TOKEN_AGAIN_S, why, whole_account=True, sent=sent)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status < httpx.codes.BAD_REQUEST:
        return RetryAt(None, sentence, sent=sent)
    if status == httpx.codes.FORBIDDEN or any(words in sentence.lower() for words in _UNREACHABLE):
        return Refused("unreachable", sentence, unreachable=True, sent=sent)
    return Refused(f"telegram_{status}", sentence, sent=sent)


def _no_token(account: str) -> str:
    return f"TELEGRAM_{account.upper()}_TOKEN is not set."


TELEGRAM = Telegram()
