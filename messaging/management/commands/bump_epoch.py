"""`manage.py bump_epoch`: makes every client start over, after a restore from a backup."""

from typing import Any

from django.core.management.base import BaseCommand

from messaging.actions.deployment import bump_epoch


class Command(BaseCommand):
    help = "Gives the deployment a new epoch: every client drops its position and reads afresh."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"The epoch is {bump_epoch()} now. Clients start over within seconds.")
