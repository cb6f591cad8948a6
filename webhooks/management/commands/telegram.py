"""`manage.py telegram`: how Telegram's updates come to us, by webhook or by polling."""

import asyncio
import contextlib
import signal
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webhooks.accounts import TelegramAccount, telegram_account
from webhooks.platforms.calls import CallFailed, new_client
from webhooks.platforms.telegram import TelegramRefused, ask
from webhooks.platforms.telegram_updates import ALLOWED_UPDATES
from webhooks.polling import Conflicting, new_polling_client, poll, webhook_of


class Command(BaseCommand):
    help = (
        "Fetches a bot's updates (poll), or tells Telegram where to bring them (webhook set, delete, info)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        polling = verbs.add_parser(
            "poll", help="fetch updates until stopped; for where Telegram can't call us"
        )
        polling.add_argument(
            "--delete-webhook", action="store_true", help="first tell Telegram to call nobody any more"
        )
        polling.add_argument("--seconds", type=float, help="stop after so long")
        webhook = verbs.add_parser("webhook", help="where Telegram brings updates")
        webhook.add_argument("what", choices=("set", "delete", "info"))
        webhook.add_argument("--drop-pending", action="store_true", help="forget what is waiting there")
        webhook.add_argument(
            "--max-connections",
            type=int,
            choices=range(1, 101),
            default=40,
            metavar="1-100",
            help="how many calls Telegram may make at once",
        )
        for each in (polling, webhook):
            each.add_argument("--bot", help="which of TELEGRAM_BOTS; needed if there are several")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _chosen(options["bot"])
        try:
            asyncio.run(
                self._poll(account, options) if options["verb"] == "poll" else self._webhook(account, options)
            )
        except (CallFailed, TelegramRefused) as error:
            raise CommandError(str(error)) from None
        except Conflicting as conflict:
            raise CommandError(
                f"Telegram gives the updates to somebody else ({conflict}). Either a webhook is set: then poll with "
                "--delete-webhook, or let it be called; or another poller runs: then stop one of the two."
            ) from None

    async def _poll(self, account: TelegramAccount, options: dict[str, Any]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        # Only a main thread hears signals; whoever calls us from another ends us by other means.
        with contextlib.suppress(ValueError, RuntimeError):
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(signal_number, stop.set)
        if options["seconds"] is not None:
            loop.call_later(options["seconds"], stop.set)
        async with new_polling_client() as client:
            if options["delete_webhook"]:
                await ask(client, account, "deleteWebhook")
            self.stdout.write(f"Fetching the updates of {account.name}. Ctrl-C ends it.")
            await poll(account, client, stop, say=self.stderr.write)

    async def _webhook(self, account: TelegramAccount, options: dict[str, Any]) -> None:
        async with new_client() as client:
            match options["what"]:
                case "set":
                    await self._set(client, account, options["drop_pending"], options["max_connections"])
                case "delete":
                    drop = {"drop_pending_updates": options["drop_pending"]}
                    await ask(client, account, "deleteWebhook", drop)
                    self.stdout.write("Telegram calls nobody now.")
                case "info":
                    info = await ask(client, account, "getWebhookInfo")
                    for name, value in sorted(info.items()):
                        self.stdout.write(f"{name}: {value}")

    async def _set(
        self, client: httpx.AsyncClient, account: TelegramAccount, drop_pending: bool, max_connections: int
    ) -> None:
        if not any(account.secrets):
            raise CommandError(
                f"TELEGRAM_{account.name.upper()}_SECRET is not set: without it our endpoint does not exist."
            )
        params = {
            "url": webhook_of(account),
            "secret_token": account.secrets[0],
            "allowed_updates": list(ALLOWED_UPDATES),
            "drop_pending_updates": drop_pending,
            "max_connections": max_connections,
        }
        await ask(client, account, "setWebhook", params)
        self.stdout.write(f"Telegram brings the updates of {account.name} to {webhook_of(account)}")


def _chosen(name: str | None) -> TelegramAccount:
    names = list(settings.TELEGRAM_BOTS)
    if name is None and len(names) != 1:
        raise CommandError(
            f"Say which with --bot: {', '.join(names)}." if names else "TELEGRAM_BOTS names no bot yet."
        )
    account = telegram_account(name or names[0])
    if account is None:
        raise CommandError(f"TELEGRAM_BOTS does not name {name}.")
    if not account.token:
        raise CommandError(f"TELEGRAM_{account.name.upper()}_TOKEN is not set.")
    return account
