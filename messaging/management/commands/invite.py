"""`manage.py invite`: links by which people may sign up where SIGN_UP=invitation: made, listed, revoked."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.actions.invitations import invite, revoke_invitation
from messaging.errors import ParleyError
from messaging.models import Invitation


class Command(BaseCommand):
    help = (
        "Prints a link by which anybody who has it may make an account; lists such links, and revokes them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=float, default=7.0, help="how long it holds (%(default)s)")
        parser.add_argument("--people", type=int, help="how many may come by it (as many as like)")
        parser.add_argument("--note", default="", help="whom it is for, to tell it from others")
        parser.add_argument("--list", action="store_true", dest="lists", help="list them instead")
        parser.add_argument("--revoke", type=int, metavar="NUMBER", help="revoke one instead")

    def handle(
        self,
        *args: Any,
        days: float,
        people: int | None,
        note: str,
        lists: bool,
        revoke: int | None,
        **options: Any,
    ) -> None:
        if lists:
            for row in Invitation.objects.order_by("pk"):
                self.stdout.write(_line(row))
            return
        try:
            if revoke is not None:
                revoke_invitation(operator=None, invitation=revoke)
                self.stdout.write(f"Nobody comes by invitation {revoke} any more.")
            else:
                self.stdout.write(
                    invite(operator=None, lasts=timedelta(days=days), most=people, note=note)[1]
                )
        except ParleyError as error:
            raise CommandError(error.sentence) from None


def _line(row: Invitation) -> str:
    most = "" if row.most is None else f" of {row.most}"
    state = (
        f"revoked {row.revoked_at:%Y-%m-%d}" if row.revoked_at else f"until {row.expires_at:%Y-%m-%d %H:%M}"
    )
    return f"{row.pk}\t{row.used}{most} used\t{state}\t{row.note}"
