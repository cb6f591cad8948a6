"""`manage.py incoming_webhook`: ways in for other programs."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from messaging.actions.incoming import create_incoming, disable_incoming, enable_incoming, rotate_incoming
from messaging.errors import ParleyError
from messaging.models import IncomingWebhook


class Command(BaseCommand):
    help = "Makes an incoming webhook, gives it another secret, switches it off or on; lists them. See docs/webhooks.md."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser(
            "create", help="into a chat (`feed`, or a room's uri), as a bot of that name"
        )
        create.add_argument("chat")
        create.add_argument("username")
        for verb in ("rotate", "disable", "enable"):
            verbs.add_parser(verb).add_argument("uid")
        verbs.add_parser("list")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._do(options)
        except ParleyError as error:
            raise CommandError(error.sentence) from None

    def _do(self, options: dict[str, Any]) -> None:
        match options["verb"]:
            case "create":
                self._show(
                    *create_incoming(operator=None, chat=options["chat"], username=options["username"])
                )
            case "rotate":
                self._show(*rotate_incoming(operator=None, uid=options["uid"]))
            case "enable":
                self._show(*enable_incoming(operator=None, uid=options["uid"]))
            case "disable":
                self.stdout.write(f"Switched off: {disable_incoming(operator=None, uid=options['uid'])}")
            case "list":
                for webhook in IncomingWebhook.objects.select_related("bot", "chat").order_by("pk"):
                    self.stdout.write(f"{webhook}{' - off' if webhook.disabled_at else ''}")

    def _show(self, webhook: IncomingWebhook, secret: str) -> None:
        self.stdout.write(f"URL:    {settings.WEB_URL}/webhooks/incoming/{webhook.uid}/")
        self.stdout.write(f"Secret: {secret}")
        self.stdout.write("The secret is not shown again.")
