"""The door in: a bare ASGI application that answers 200 when what a platform sent is committed, and not before.

Calls that come while the last ones are being committed are stored together, in one statement (`messaging.together`). What
is in the way of all of this (Django's request, its middleware, a view on a thread) is left out: see docs/benchmarks.md.
"""

import contextlib
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
from django.conf import settings
from django.db import InterfaceError, OperationalError

from messaging import strict_json
from messaging.actions.journal import store_inbounds
from messaging.database import DatabaseThreads
from messaging.errors import Invalid
from messaging.heard import Arrival
from messaging.together import MAX_BATCHES, PerLoop, Together
from webhooks.accounts import complaints, messenger_account, telegram_account
from webhooks.http import Answer, Call, Refusal, only, read_call, send_answer, too_large
from webhooks.incoming import post_call
from webhooks.platforms import PLATFORMS
from webhooks.signatures import is_secret, is_signed

PATH = re.compile(r"/webhooks/(telegram|messenger|incoming)/([A-Za-z0-9_-]{1,64})/?")
CHALLENGE = re.compile(r"[0-9]{1,100}")
SIGNATURE = re.compile(rb"sha256=[0-9a-f]{64}")

OK = Answer({"status": "ok"})
SOON = ((b"retry-after", b"5"),)
LATER = ((b"retry-after", b"60"),)

logger = logging.getLogger("parley.webhooks")

threads = DatabaseThreads("webhooks", MAX_BATCHES)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers one call."""
    try:
        answer = await _answer_to(scope, receive)
    except Refusal as refusal:
        answer = refusal.answer
    except (OperationalError, InterfaceError) as error:
        logger.warning("A call could not be stored, and will come again: %s", type(error).__name__)
        answer = Refusal(503, "The database can't be reached. Send it again.", headers=SOON).answer
    except Exception:
        # Whoever called will do so again, and by then we may be mended.
        logger.exception("A call could not be taken.")
        answer = Refusal(503, "It is our fault, and it has been written down.", headers=LATER).answer
    await send_answer(send, answer)


async def _answer_to(scope: Any, receive: Any) -> Answer:
    found = PATH.fullmatch(scope["path"])
    if found is None:
        raise Refusal(404, "There is no such webhook.")
    platform, name = found.groups()
    match platform, scope["method"]:
        case "telegram", "POST":
            return await _telegram(name, scope, receive)
        case "messenger", "POST":
            return await _messenger(name, scope, receive)
        case "messenger", "GET":
            return _challenge(name, scope["query_string"])
        case "incoming", "POST":
            call = await read_call(scope, receive, settings.WEBHOOK_MAX_BODY_BYTES)
            return await post_call(threads, name, call)
    allowed = b"GET, POST" if platform == "messenger" else b"POST"
    raise Refusal(405, "That is not how it is called.", headers=((b"allow", allowed),))


async def _telegram(name: str, scope: Any, receive: Any) -> Answer:
    account = telegram_account(name)
    if account is None:
        raise _missing("telegram", name, f"{name} in TELEGRAM_BOTS")
    if not any(account.secrets):
        raise _missing("telegram", name, f"TELEGRAM_{name.upper()}_SECRET")
    call = await read_call(scope, receive, settings.WEBHOOK_MAX_BODY_BYTES)
    if not is_secret(call.only(b"x-telegram-bot-api-secret-token"), account.secrets):
        raise Refusal(403, "The secret is wrong.")
    return await _store("telegram", name, call)


async def _messenger(name: str, scope: Any, receive: Any) -> Answer:
    account = messenger_account(name)
    if account is None:
        raise _missing("messenger", name, f"{name} in MESSENGER_PAGES")
    if not any(account.app_secrets):
        raise _missing("messenger", name, f"MESSENGER_{name.upper()}_APP_SECRET")
    # Meta brings up to a thousand events at once. Refused for its size, such a call would come again for hours, always
    # refused, until Meta ends the subscription: so what is signed may be as large as anything that the server takes.
    may_be_signed = SIGNATURE.fullmatch(only(scope["headers"], b"x-hub-signature-256")) is not None
    usual = settings.WEBHOOK_MAX_BODY_BYTES
    call = await read_call(scope, receive, max(usual, settings.MAX_BODY_BYTES) if may_be_signed else usual)
    if not is_signed(call.body, call.only(b"x-hub-signature-256"), account.app_secrets):
        raise too_large(usual) if len(call.body) > usual else Refusal(403, "The signature is wrong.")
    return await _store("messenger", name, call)


def _challenge(name: str, query: bytes) -> Answer:
    """Meta asks whether we are the ones that its set-up page names."""
    account = messenger_account(name)
    if account is None:
        raise _missing("messenger", name, f"{name} in MESSENGER_PAGES")
    if not account.verify_token:
        raise _missing("messenger", name, f"MESSENGER_{name.upper()}_VERIFY_TOKEN")
    try:
        asked = parse_qs(query.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise Refusal(400, "The query can't be read.") from None

    def value(key: str) -> str:
        values = asked.get(key, [])
        return values[0] if len(values) == 1 else ""

    if value("hub.mode") != "subscribe" or not is_secret(
        value("hub.verify_token").encode(), [account.verify_token]
    ):
        raise Refusal(403, "The verify token is wrong.")
    if not CHALLENGE.fullmatch(value("hub.challenge")):
        raise Refusal(400, "A challenge is digits.")
    return Answer(value("hub.challenge"))


def _missing(platform: str, name: str, variable: str) -> Refusal:
    complaints.lacks(f"/webhooks/{platform}/{name}/", variable)
    return Refusal(404, "There is no such webhook.")


# --- Storing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Brought:
    """What one call brought."""

    arrivals: list[Arrival]


async def _store(platform: str, account: str, call: Call) -> Answer:
    try:
        body = _read(call.body)
    except Invalid as error:
        raise Refusal(400, error.sentence) from None
    if not isinstance(body, dict):
        raise Refusal(400, "An object is wanted.")
    if platform == "messenger" and body.get("object") != "page":
        raise Refusal(404, "This is for pages only.")
    await store(PLATFORMS[platform].parse(account, body))
    return OK


def _read(body: bytes) -> Any:
    """Strictly; but characters that cannot be stored are mended, or the same would come again and again, and everything
    else wait behind it. Raises `Invalid`.
    """
    if b"\\u0000" not in body:
        # Several times as quick, and as strict but for keys that are there twice. What is wrong with the rest, and whether it
        # can be mended, the other one says.
        with contextlib.suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    return strict_json.loads(body, mend=True)


async def store(arrivals: list[Arrival]) -> None:
    """Returns when all of them are committed."""
    if arrivals:
        await _storing().do(_Brought(arrivals))


def _store_together(calls: Collection[_Brought]) -> Mapping[_Brought, None]:
    store_inbounds([arrival for brought in calls for arrival in brought.arrivals])
    return dict.fromkeys(calls)


def _store_alone(brought: _Brought) -> None:
    try:
        store_inbounds(brought.arrivals)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("%d events could not be stored together.", len(brought.arrivals))
        for arrival in brought.arrivals:
            _store_in_any_form(arrival)


def _store_in_any_form(arrival: Arrival) -> None:
    """An event that the journal does not take as it is costs the others nothing, and is seen there."""
    try:
        store_inbounds([arrival])
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("An event could not be stored as it is.")
        store_inbounds([_in_words(arrival, error)])


def _in_words(arrival: Arrival, error: Exception) -> Arrival:
    return Arrival(
        arrival.platform,
        arrival.account,
        arrival.external_id[:200],
        {"unreadable": repr(arrival.raw)[:4000].replace("\0", "")},
        error=f"The journal did not take it: {type(error).__name__}.",
    )


# Uniqueness makes it harmless to store again what may have been stored.
_storing: PerLoop[Together[_Brought, None]] = PerLoop(
    lambda: Together(_store_together, _store_alone, lambda _: True, threads)
)
