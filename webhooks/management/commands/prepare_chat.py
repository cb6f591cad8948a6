"""`manage.py prepare_chat`: greetings, menus and commands on the platforms."""

from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.errors import Invalid
from webhooks.platforms.calls import CallFailed
from webhooks.platforms.messenger import GraphRefused
from webhooks.platforms.telegram import TelegramRefused
from webhooks.preparation import plan, prepare_all


class Command(BaseCommand):
    help = "Makes chats on all configured platforms look as the bots' settings say; writes only what is different."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what is different, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            planned = plan()
            changed = async_to_sync(prepare_all)(planned, write=not options["dry_run"])
        except Invalid as error:
            raise CommandError(error.sentence) from None
        except (CallFailed, TelegramRefused, GraphRefused) as error:
            raise CommandError(f"The platform says: {error}") from None
        for line in changed:
            self.stdout.write(line)
        if not changed:
            self.stdout.write(
                "Everything is as it should be." if planned else "No platform's account is configured."
            )
