"""Incoming webhooks, as their callers name them."""

from messaging.errors import NotFound
from messaging.models import IncomingWebhook


def incoming_named(uid: str) -> IncomingWebhook:
    """Raises `NotFound`, also for one that is switched off, or whose bot is."""
    found = IncomingWebhook.objects.select_related("bot", "chat").filter(
        uid=uid, disabled_at__isnull=True, bot__is_active=True
    )
    webhook = found.first()
    if webhook is None:
        raise NotFound("There is no such webhook.", code="no_such_webhook")
    return webhook
