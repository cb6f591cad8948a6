"""`manage.py export_person NAME`: prints everything that is kept about one person, as JSON, for that person."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.models import User
from messaging.queries.export import data_of


class Command(BaseCommand):
    help = "Prints somebody's account, devices, places in chats and messages as JSON; nothing that others have said."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username__iexact=username).first()
        if user is None:
            raise CommandError(f"There is nobody called {username}.")
        self.stdout.write(json.dumps(data_of(user), indent=2, ensure_ascii=False))
