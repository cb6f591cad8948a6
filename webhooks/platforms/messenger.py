"""Messenger's adapter: how to say something there. https://developers.facebook.com/docs/messenger-platform"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import orjson
from django.conf import settings
from pydantic import BaseModel, ValidationError

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
from webhooks.accounts import MessengerAccount, messenger_account
from webhooks.platforms.base import Limits, Outgoing, Refused, RetryAt, SendOutcome, Sent
from webhooks.platforms.calls import CallFailed, call, without_secrets
from webhooks.platforms.messenger_events import AS_BUTTON, AS_REPLY, OURS, arrivals_of
from webhooks.platforms.words import parts_of, shortened

MAX_TEXT = 2000
MAX_TEMPLATE_TEXT = 640
MAX_TEMPLATE_BUTTONS = 3
MAX_QUICK_REPLIES = 13
MAX_ELEMENTS = 10
MAX_BUTTON_TITLE = 20
MAX_LINE = 80

WINDOW = timedelta(hours=24)
HUMAN_WINDOW = timedelta(days=7)
# A token that is dead may be renewed; until then nothing of this page need be tried.
TOKEN_AGAIN_S = 300.0

TOKEN_DEAD = 190
RATES = frozenset({4, 32, 613, 80006})
TRANSIENT = frozenset({1, 2, 1200})
UNAVAILABLE = 551
WINDOW_CLOSED = 2018278
NO_SUCH_PERSON = 2018001


# --- What a content is there ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """One message: its JSON, and the file that goes with it."""

    message: dict[str, Any]
    file: tuple[str, bytes, str] | None = None


def _template(payload: dict[str, Any]) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": payload}}


def _button(button: Button) -> dict[str, Any]:
    title = shortened(button.title, MAX_BUTTON_TITLE)
    if button.url is not None:
        return {"type": "web_url", "title": title, "url": button.url}
    return {"type": "postback", "title": title, "payload": button.press}


def _quick_reply(title: str, payload: str) -> dict[str, Any]:
    return {"content_type": "text", "title": shortened(title, MAX_BUTTON_TITLE), "payload": payload}


def _texts(text: str, **last: Any) -> Iterator[_Part]:
    """What belongs to the text goes with the last of its parts."""
    *before, end = parts_of(text, MAX_TEXT)
    for part in before:
        yield _Part({"text": part})
    yield _Part({"text": end, **last})


def _buttons(text: str, buttons: Sequence[Button]) -> Iterator[_Part]:
    """Three buttons are a template, up to thirteen suggested answers, more a row of cards with three each. Suggested
    answers cannot be links."""
    if len(buttons) <= MAX_TEMPLATE_BUTTONS:
        *before, end = parts_of(text, MAX_TEMPLATE_TEXT)
        if before:
            yield from _texts("\n\n".join(before))
        payload = {"template_type": "button", "text": end, "buttons": [_button(each) for each in buttons]}
        yield _Part(_template(payload))
    elif len(buttons) <= MAX_QUICK_REPLIES and all(button.press is not None for button in buttons):
        replies = [_quick_reply(each.title, f"{AS_BUTTON}{each.press}") for each in buttons]
        yield from _texts(text, quick_replies=replies)
    else:
        yield from _texts(text)
        groups = [
            buttons[start : start + MAX_TEMPLATE_BUTTONS]
            for start in range(0, len(buttons), MAX_TEMPLATE_BUTTONS)
        ]
        elements = [
            {
                "title": shortened(" · ".join(button.title for button in group), MAX_LINE),
                "buttons": [_button(button) for button in group],
            }
            for group in groups
        ]
        for start in range(0, len(elements), MAX_ELEMENTS):
            payload = {"template_type": "generic", "elements": elements[start : start + MAX_ELEMENTS]}
            yield _Part(_template(payload))


def _card(card: Card) -> dict[str, Any]:
    element: dict[str, Any] = {"title": shortened(card.title, MAX_LINE)}
    if card.subtitle:
        element["subtitle"] = shortened(card.subtitle, MAX_LINE)
    if card.image is not None:
        element["image_url"] = card.image
    if card.buttons:
        element["buttons"] = [_button(button) for button in card.buttons]
    if len(element) == 1:  # a title alone is refused
        element["subtitle"] = "·"
    return element


def _media(kind: str, content: Image | File) -> Iterator[_Part]:
    """What has no caption there has its words after it."""
    if isinstance(content, File) and content.content is not None:
        file = (content.name, content.content.encode(), "text/plain; charset=utf-8")
        yield _Part({"attachment": {"type": kind, "payload": {}}}, file)
    else:
        where = {"attachment_id": content.file_id} if content.file_id is not None else {"url": content.url}
        yield _Part({"attachment": {"type": kind, "payload": where}})
    if content.text.strip():
        yield from _texts(content.text)


def _cards(content: Cards) -> Iterator[_Part]:
    if content.text.strip():
        yield from _texts(content.text)
    elements = [_card(card) for card in content.cards]
    yield _Part(_template({"template_type": "generic", "elements": elements}))


def _parts(content: AnyContent) -> Iterator[_Part]:
    match content:
        case Text(buttons=[]) | LocationRequest():
            yield from _texts(content.text)
        case Text():
            yield from _buttons(content.text, [button for row in content.buttons for button in row])
        case QuickReplies():
            replies = [_quick_reply(each.title, f"{AS_REPLY}{each.press}") for each in content.replies]
            yield from _texts(content.text, quick_replies=replies)
        case Image():
            yield from _media("image", content)
        case File():
            yield from _media("file", content)
        case Cards():
            yield from _cards(content)


def _standing(outgoing: Outgoing) -> dict[str, str] | Refused:
    """By which right it may be sent: answers for a day after the person's last word, what a human wrote for a week."""
    silent_for = datetime.now(UTC) - outgoing.heard_at if outgoing.heard_at is not None else timedelta.max
    if silent_for < WINDOW:
        return {"messaging_type": "RESPONSE"}
    if outgoing.by_human and silent_for < HUMAN_WINDOW:
        return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    limit = "7 days" if outgoing.by_human else "24 hours"
    why = f"Messenger allows this only within {limit} of the person's last message."
    return Refused("window_closed", why, skipped=True, sent=outgoing.sent_before)


# --- Sending it -------------------------------------------------------------------------------------------------------


class _Person(BaseModel):
    first_name: str = ""
    last_name: str = ""
    profile_pic: str = ""
    locale: str = ""


class Messenger:
    """See `Platform`."""

    name = "messenger"
    limits = Limits(per_second=250, chat_interval_s=0.1, chat_burst=20)
    edits = False

    def accounts(self) -> list[str]:
        return [name for name, page in settings.MESSENGER_PAGES.items() if page["access_token"]]

    def parse(self, account: str, body: Mapping[str, Any]) -> list[Arrival]:
        page = messenger_account(account)
        return arrivals_of(self.name, account, page.page_id if page is not None else "", body)

    def check(self, content: AnyContent) -> None:
        """Every content has a form here."""

    async def send(self, client: httpx.AsyncClient, outgoing: Outgoing) -> SendOutcome:
        page = messenger_account(outgoing.account)
        if page is None or not page.access_token or not page.page_id:
            prefix = f"MESSENGER_{outgoing.account.upper()}"
            why = f"{prefix}_ACCESS_TOKEN or {prefix}_PAGE_ID is not set."
            return RetryAt(TOKEN_AGAIN_S, why, whole_account=True, sent=outgoing.sent_before)
        to = {"recipient": {"id": outgoing.person}}
        if isinstance(outgoing.content, Typing):
            return await _send(client, page, {**to, "sender_action": "typing_on"}, None, ())
        standing = _standing(outgoing)
        if isinstance(standing, Refused):
            return standing
        sent = outgoing.sent_before
        for part in list(_parts(outgoing.content))[len(sent) :]:
            message = {**part.message, "metadata": OURS}
            outcome = await _send(client, page, {**to, **standing, "message": message}, part.file, sent)
            if not isinstance(outcome, Sent):
                return outcome
            sent = outcome.external_ids
        return Sent(sent)

    async def acknowledge(self, client: httpx.AsyncClient, account: str, acknowledge: str) -> None:
        """Nothing spins there."""

    async def profile(self, client: httpx.AsyncClient, account: str, person: str) -> Profile | None:
        page = messenger_account(account)
        if page is None or not page.access_token:
            return None
        fields = {"fields": "first_name,last_name,profile_pic"}
        try:
            found = _Person.model_validate(await ask(client, page, "GET", person, params=fields))
        except (CallFailed, GraphRefused, ValidationError):
            return None
        return Profile(
            first_name=found.first_name, last_name=found.last_name, picture_url=found.profile_pic[:500]
        )


class GraphRefused(Exception):
    """The Graph API's `error`. The text has no secret in it."""

    def __init__(self, status: int, error: Mapping[str, Any], *secrets: str) -> None:
        self.status = status
        self.code = error.get("code")
        self.subcode = error.get("error_subcode")
        self.is_transient = error.get("is_transient") is True
        self.sentence = without_secrets(error.get("message") or f"Messenger answered {status}.", *secrets)
        super().__init__(self.sentence)


async def ask(
    client: httpx.AsyncClient, page: MessengerAccount, method: str, path: str, **request: Any
) -> dict[str, Any]:
    """Calls the Graph API; the token travels in a header. Raises `CallFailed` and `GraphRefused`."""
    url = f"{settings.MESSENGER_API_URL}/{settings.MESSENGER_GRAPH_VERSION}/{path}"
    params = {**request.pop("params", {})}
    if page.app_secrets:
        # Apps may demand it: a stolen token alone is then worth nothing.
        proof = hmac.new(page.app_secrets[0].encode(), page.access_token.encode(), sha256)
        params["appsecret_proof"] = proof.hexdigest()
    headers = {"Authorization": f"Bearer {page.access_token}"}
    answer = await call(client, method, url, params=params, headers=headers, **request)
    if answer.body is None:
        raise CallFailed(f"Messenger answered {answer.status} without JSON.")
    error = answer.body.get("error")
    if isinstance(error, dict) or answer.status != httpx.codes.OK:
        facts = error if isinstance(error, dict) else {}
        raise GraphRefused(answer.status, facts, page.access_token, *page.app_secrets)
    return answer.body


async def _send(
    client: httpx.AsyncClient,
    page: MessengerAccount,
    body: dict[str, Any],
    file: tuple[str, bytes, str] | None,
    sent: tuple[str, ...],
) -> SendOutcome:
    """One call, after those that made the messages `sent`."""
    request: dict[str, Any] = {"json": body}
    if file is not None:
        fields = {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in body.items()
        }
        request = {"data": fields, "files": {"filedata": file}}
    try:
        answer = await ask(client, page, "POST", f"{page.page_id}/messages", **request)
    except CallFailed as failure:
        return RetryAt(None, str(failure), sent=sent, is_unknown=failure.may_be_done)
    except GraphRefused as refusal:
        return _outcome_of(page, refusal, sent)
    message_id = answer.get("message_id")
    return Sent((*sent, str(message_id)) if message_id is not None else sent)


def _outcome_of(page: MessengerAccount, refusal: GraphRefused, sent: tuple[str, ...]) -> RetryAt | Refused:
    code, sentence = refusal.code, refusal.sentence
    if code == TOKEN_DEAD:
        why = f"Messenger does not take the token: check MESSENGER_{page.name.upper()}_ACCESS_TOKEN."
        return RetryAt(TOKEN_AGAIN_S, why, whole_account=True, sent=sent)
    if code in RATES or refusal.status == httpx.codes.TOO_MANY_REQUESTS:
        return RetryAt(None, sentence, whole_account=True, sent=sent)
    if code in TRANSIENT or refusal.is_transient or refusal.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return RetryAt(None, sentence, sent=sent)
    if refusal.subcode == WINDOW_CLOSED:
        return Refused("window_closed", sentence, skipped=True, sent=sent)
    if code == UNAVAILABLE or refusal.subcode == NO_SUCH_PERSON:
        return Refused("unreachable", sentence, unreachable=True, sent=sent)
    return Refused(f"messenger_{code if isinstance(code, int) else refusal.status}", sentence, sent=sent)


MESSENGER = Messenger()
