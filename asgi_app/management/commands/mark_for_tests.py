"""`manage.py mark_for_tests`: this database is for tests, where `manage.py storm` may do as it likes. Not undone by anything."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from messaging.actions.deployment import mark_for_tests
from messaging.errors import Conflict


class Command(BaseCommand):
    help = "Marks the database as one for tests. Refused where anybody has said anything."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            mark_for_tests()
        except Conflict as refusal:
            raise CommandError(refusal.sentence) from None
        self.stdout.write("This database is for tests from now on.")
