"""Fetching updates from Telegram, where it can't call us: the other way in. What is fetched is stored as if it had been
called in, and only then does Telegram hear that we have it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
from django.conf import settings
from django.db import InterfaceError, OperationalError

from messaging.heard import Arrival
from webhooks import ingest
from webhooks.accounts import TelegramAccount
from webhooks.platforms.calls import CallFailed
from webhooks.platforms.telegram import TELEGRAM, TelegramRefused, ask
from webhooks.platforms.telegram_updates import ALLOWED_UPDATES

LONG_POLL_S = 25
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0

logger = logging.getLogger("parley.polling")


class Conflicting(Exception):
    """Somebody else gets the updates: a webhook, or another poller."""


def new_polling_client() -> httpx.AsyncClient:
    """One that waits for as long as Telegram may."""
    return httpx.AsyncClient(timeout=LONG_POLL_S + 10, follow_redirects=False, trust_env=False)


async def poll(
    account: TelegramAccount,
    client: httpx.AsyncClient,
    stop: asyncio.Event,
    *,
    say: Callable[[str], object],
    wait_s: int = LONG_POLL_S,
) -> None:
    """Until told to stop. Raises `Conflicting`, and `TelegramRefused` for a wrong token."""
    offset, pause_s = 0, FIRST_PAUSE_S
    while not stop.is_set():
        try:
            updates = await _fetch(account, client, stop, offset, wait_s)
            if updates:
                await _keep(account, updates)
                offset = max(int(update["update_id"]) for update in updates) + 1
            pause_s = FIRST_PAUSE_S
        except (CallFailed, OperationalError, InterfaceError, TimeoutError) as error:
            say(
                f"Trying again in {pause_s:.0f} s: {error if isinstance(error, CallFailed) else type(error).__name__}"
            )
            await _sleep(stop, pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        except TelegramRefused as refusal:
            if refusal.status == httpx.codes.CONFLICT:
                raise Conflicting(refusal.sentence) from None
            if refusal.status in {httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND}:
                raise
            pause_s = refusal.retry_after_s or pause_s
            say(f"Trying again in {pause_s:.0f} s: {refusal.sentence}")
            await _sleep(stop, pause_s)


async def _fetch(
    account: TelegramAccount, client: httpx.AsyncClient, stop: asyncio.Event, offset: int, wait_s: int
) -> list[dict[str, Any]]:
    params = {"offset": offset, "timeout": wait_s, "allowed_updates": list(ALLOWED_UPDATES)}
    asking = asyncio.create_task(ask(client, account, "getUpdates", params, within_s=wait_s + 5))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([asking, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return []  # what Telegram was about to tell, it tells the next one who asks
        found = asking.result()
    finally:
        for task in (asking, stopping):
            task.cancel()
        await asyncio.gather(asking, stopping, return_exceptions=True)
    return [each for each in found if isinstance(each, dict) and isinstance(each.get("update_id"), int)]


async def _keep(account: TelegramAccount, updates: list[dict[str, Any]]) -> None:
    arrivals: list[Arrival] = [
        arrival for update in updates for arrival in TELEGRAM.parse(account.name, update)
    ]
    await ingest.store(arrivals)
    logger.info("%d updates for %s", len(arrivals), account.name)


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def webhook_of(account: TelegramAccount) -> str:
    return f"{settings.WEB_URL}/webhooks/telegram/{account.name}/"
