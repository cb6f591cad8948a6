"""`manage.py simulate`: a platform to try bots with, and no account anywhere."""

import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from webhooks.accounts import messenger_account, telegram_account
from webhooks.fakes import FakeMessenger, FakeTelegram
from webhooks.fakes.terminal import HELP, Terminal, talk

PORTS = {"telegram": 8081, "messenger": 8082}
LINES = {
    "telegram": """\
TELEGRAM_BOTS=verses
TELEGRAM_VERSES_TOKEN=7000000001:fake-token
TELEGRAM_VERSES_SECRET=fake-secret
TELEGRAM_API_URL=http://127.0.0.1:8081""",
    "messenger": """\
MESSENGER_PAGES=verses
MESSENGER_VERSES_PAGE_ID=100000000000001
MESSENGER_VERSES_APP_SECRET=fake-app-secret
MESSENGER_VERSES_VERIFY_TOKEN=fake-verify-token
MESSENGER_VERSES_ACCESS_TOKEN=fake-access-token
MESSENGER_API_URL=http://127.0.0.1:8082""",
}


class Command(BaseCommand):
    help = (
        "Serves a fake Telegram or Messenger, and a terminal in which you write to the bot as somebody there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("platform", choices=sorted(PORTS))
        parser.add_argument(
            "--account", help="which of TELEGRAM_BOTS or MESSENGER_PAGES; usually there is one"
        )
        parser.add_argument("--person", default="1001", help="who you are there: a number")
        parser.add_argument(
            "--poll", action="store_true", help="Telegram: keep the updates for `telegram poll`"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        platform, person = options["platform"], options["person"]
        if not person.isdigit():
            raise CommandError("--person is a number.")
        if platform == "telegram":
            fake: FakeTelegram | FakeMessenger = self._telegram(options)
        else:
            fake = self._messenger(options)
        with fake:
            self.stdout.write(f"A fake {platform.title()} is at {fake.url}. {HELP}")
            talk(Terminal(fake, person), sys.stdin, self.stdout.write)

    def _telegram(self, options: dict[str, Any]) -> FakeTelegram:
        name = self._account("telegram", options["account"], settings.TELEGRAM_BOTS)
        account = telegram_account(name)
        assert account is not None, "it was found in the settings"
        if not (account.token and any(account.secrets)):
            raise _not_set_up("telegram")
        fake = FakeTelegram(token=account.token, port=self._port("telegram", settings.TELEGRAM_API_URL))
        if not options["poll"]:
            fake.secret = account.secrets[0]
            fake.webhook_url = f"{settings.WEB_URL}/webhooks/telegram/{name}/"
        return fake

    def _messenger(self, options: dict[str, Any]) -> FakeMessenger:
        name = self._account("messenger", options["account"], settings.MESSENGER_PAGES)
        page = messenger_account(name)
        assert page is not None, "it was found in the settings"
        if not (page.page_id and any(page.app_secrets) and page.access_token):
            raise _not_set_up("messenger")
        fake = FakeMessenger(
            page_id=page.page_id,
            app_secret=page.app_secrets[0],
            access_token=page.access_token,
            port=self._port("messenger", settings.MESSENGER_API_URL),
        )
        fake.sends_receipts = True
        fake.webhook_url = f"{settings.WEB_URL}/webhooks/messenger/{name}/"
        return fake

    def _account(self, platform: str, wanted: str | None, accounts: dict[str, Any]) -> str:
        name = wanted or next(iter(accounts), None)
        if name not in accounts:
            raise _not_set_up(platform)
        return str(name)

    def _port(self, platform: str, url: str) -> int:
        """Where we are told that the platform is: on this machine, or we would talk past each other."""
        parts = urlsplit(url)
        if parts.hostname not in {"127.0.0.1", "localhost"} or parts.port is None:
            raise _not_set_up(platform)
        return parts.port


def _not_set_up(platform: str) -> CommandError:
    return CommandError(
        f"Parley does not look for {platform.title()} on this machine yet. Put this into .env, start Parley anew "
        f"(`make run`), and this command again:\n\n{LINES[platform]}\n"
    )
