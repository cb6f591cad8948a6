"""`manage.py invite`: prints a link by which people may sign up where SIGN_UP=invitation."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from messaging.actions.invitations import invite


class Command(BaseCommand):
    help = "Prints a link by which anybody who has it may make an account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=float, default=7.0, help="how long it holds (%(default)s)")

    def handle(self, *args: Any, days: float, **options: Any) -> None:
        self.stdout.write(invite(lasts=timedelta(days=days)))
