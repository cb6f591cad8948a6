"""`manage.py doctor`: looks at a deployment from inside, and says what is wrong and how to mend it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from asgi_app.doctor import CHECKS
from asgi_app.doctor.finding import Finding, Visit

PING_GRACE_S = 5.0


class Command(BaseCommand):
    help = "Looks at the database, Redis, clocks, files, worker, bot platforms and proxy. Ends with 1 if something is wrong."
    # It says itself what they would say, and runs where they fail.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", default=settings.WEB_URL, help="where people find the site (%(default)s)"
        )
        parser.add_argument("--no-proxy", action="store_true", help="do not ask the site at its address")
        parser.add_argument(
            "--patience",
            type=float,
            default=settings.LIVE_PING_S + PING_GRACE_S,
            help="how many seconds a silent socket is watched (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        visit = Visit("" if options["no_proxy"] else options["url"].rstrip("/"), options["patience"])
        is_well = True
        for subject, check in CHECKS:
            findings = list(check(visit))
            if not findings:
                self.stdout.write(f"{self.style.SUCCESS('well')}    {subject}")
            for finding in findings:
                is_well = is_well and finding.gravity != "wrong"
                self._tell(subject, finding)
        if not is_well:
            raise SystemExit(1)

    def _tell(self, subject: str, finding: Finding) -> None:
        style = self.style.ERROR if finding.gravity == "wrong" else self.style.WARNING
        self.stdout.write(f"{style(f'{finding.gravity:<6}')}  {subject}: {finding.what} [{finding.name}]")
        self.stdout.write(f"        {finding.mend}")
