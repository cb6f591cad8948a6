"""Bot platforms: do they take our tokens, and do they call us? Asks each platform that an account is named of."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
from django.conf import settings

from asgi_app.doctor.finding import Finding, Visit
from webhooks.accounts import MessengerAccount, TelegramAccount, messenger_account, telegram_account
from webhooks.platforms.calls import CallFailed, new_client
from webhooks.platforms.messenger import GraphRefused
from webhooks.platforms.messenger import ask as ask_graph
from webhooks.platforms.telegram import TelegramRefused
from webhooks.platforms.telegram import ask as ask_telegram
from webhooks.polling import webhook_of

# Whatever went wrong longer ago has been mended, or nobody has written since.
LATELY_S = 3600.0


def check(visit: Visit) -> Iterator[Finding]:
    yield from asyncio.run(_check_all())


async def _check_all() -> list[Finding]:
    telegrams = [telegram_account(name) for name in settings.TELEGRAM_BOTS]
    pages = [messenger_account(name) for name in settings.MESSENGER_PAGES]
    async with new_client() as client:
        found = [each for bot in telegrams if bot async for each in _check_telegram(client, bot)]
        return found + [each for page in pages if page async for each in _check_messenger(client, page)]


async def _check_telegram(client: httpx.AsyncClient, bot: TelegramAccount) -> AsyncIterator[Finding]:
    prefix = f"TELEGRAM_{bot.name.upper()}"
    if missing := [name for name, value in (("TOKEN", bot.token), ("SECRET", any(bot.secrets))) if not value]:
        yield _lacks("telegram-not-set-up", bot.name, [f"{prefix}_{name}" for name in missing])
    if not bot.token:
        return
    try:
        info = await ask_telegram(client, bot, "getWebhookInfo")
    except (CallFailed, TelegramRefused) as error:
        yield _refused("telegram-refuses", f"the bot {bot.name}", str(error), f"{prefix}_TOKEN")
        return
    if info.get("url") != webhook_of(bot):
        called = f"calls {info['url']}" if info.get("url") else "calls nobody"
        yield Finding(
            "telegram-webhook",
            f"Telegram {called} for the bot {bot.name}: what people write there does not come here.",
            f"python manage.py telegram webhook set --bot {bot.name} (or poll, where Telegram cannot reach you).",
        )
    elif time.time() - float(info.get("last_error_date", 0)) < LATELY_S:
        yield Finding(
            "telegram-cannot-call",
            f"Telegram could not call us for the bot {bot.name}: “{info.get('last_error_message', '')!s:.200}”.",
            "See whether /webhooks/ reaches a web process, and whether the secret is the one that was set last: "
            f"python manage.py telegram webhook set --bot {bot.name}.",
        )


async def _check_messenger(client: httpx.AsyncClient, page: MessengerAccount) -> AsyncIterator[Finding]:
    prefix = f"MESSENGER_{page.name.upper()}"
    settings_of_page = {
        "PAGE_ID": page.page_id,
        "APP_SECRET": any(page.app_secrets),
        "VERIFY_TOKEN": page.verify_token,
        "ACCESS_TOKEN": page.access_token,
    }
    if missing := [f"{prefix}_{name}" for name, value in settings_of_page.items() if not value]:
        yield _lacks("messenger-not-set-up", page.name, missing)
    if not page.access_token:
        return
    try:
        found = await ask_graph(client, page, "GET", "me", params={"fields": "id"})
    except (CallFailed, GraphRefused) as error:
        yield _refused("messenger-refuses", f"the page {page.name}", str(error), f"{prefix}_ACCESS_TOKEN")
        return
    if page.page_id and str(found.get("id")) != page.page_id:
        yield Finding(
            "messenger-other-page",
            f"The access token of {page.name} is another page's: answers would leave by that one.",
            f"Give {prefix}_ACCESS_TOKEN the token of page {page.page_id}.",
        )
        return
    try:
        apps = await ask_graph(client, page, "GET", "me/subscribed_apps")
    except (CallFailed, GraphRefused):
        return  # whoever may send need not be allowed to look at that
    if not apps.get("data"):
        yield Finding(
            "messenger-webhook",
            f"No app is subscribed to the page {page.name}: what people write there does not come here.",
            "On the app's Webhooks page subscribe the page to messages and messaging_postbacks (docs/platforms.md).",
        )


def _lacks(name: str, account: str, missing: list[str]) -> Finding:
    return Finding(
        name,
        f"The account {account} lacks {' and '.join(missing)}: it is named, and does nothing.",
        "Set it, or take the account out of the list (docs/platforms.md).",
    )


def _refused(name: str, account: str, said: str, setting: str) -> Finding:
    return Finding(
        name,
        f"The platform does not answer for {account}: “{said}”.",
        f"Look at {setting}, and whether this machine may call the platform.",
    )
