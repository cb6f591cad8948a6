"""`manage.py storm`: simulated people and bad weather on a test deployment, and whether the promise was kept."""

import asyncio
import random
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from asgi_app.server import raise_file_limit
from asgi_app.storm.run import Plan, Storm
from messaging.actions.deployment import require_for_tests
from messaging.errors import Conflict


class Command(BaseCommand):
    help = (
        "Lets simulated people post and follow on a running deployment, and says what was lost, doubled or out of "
        "order. Only where `manage.py mark_for_tests` has been run. Ends with 1 if the promise was broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=settings.WEB_URL, help="where the site is (%(default)s)")
        parser.add_argument("--people", type=int, default=100)
        parser.add_argument("--seconds", type=float, default=30.0)
        parser.add_argument(
            "--rate", type=float, default=20.0, help="posts a second, of all together (%(default)s)"
        )
        parser.add_argument(
            "--rest-share", type=float, default=0.2, help="how many posts go by REST (%(default)s)"
        )
        parser.add_argument(
            "--drop-every",
            type=float,
            default=60.0,
            help="how many seconds a connection lasts; 0: for ever (%(default)s)",
        )
        parser.add_argument(
            "--cuts", type=int, default=0, help="how often a third of all connections break at once"
        )
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            metavar="COMMAND",
            help='a shell command at some moment, e.g. "systemctl kill -s KILL parley-web@8001"; may be repeated',
        )
        parser.add_argument("--seed", default="", help="repeats another run's choices")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_for_tests()
        except Conflict as refusal:
            raise CommandError(refusal.sentence) from None
        if options["people"] < 2:
            raise CommandError("A storm takes at least two people.")
        raise_file_limit()
        plan = Plan(
            url=options["url"].rstrip("/"),
            people=options["people"],
            seconds=options["seconds"],
            rate=options["rate"],
            rest_share=options["rest_share"],
            drop_every_s=options["drop_every"],
            cuts=options["cuts"],
            faults=options["fault"],
            seed=options["seed"] or str(random.randrange(2**32)),
        )
        verdict = asyncio.run(Storm(plan).happen())
        for line in verdict.lines():
            self.stdout.write(line)
        if not verdict.is_kept:
            raise SystemExit(1)
