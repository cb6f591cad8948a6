"""What workers have still to do: how much, and since when the oldest of it waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min
from django.utils import timezone

from messaging.models import Broadcast, Delivery, Inbound, Recipient


@dataclass(frozen=True)
class Backlog:
    """`oldest_s` is 0 where nothing waits."""

    count: int
    oldest_s: float


def backlogs() -> dict[str, Backlog]:
    """`inbound`: what platforms sent and no bot has handled. `delivery`: what is owed to contacts. `broadcast`: recipients
    of running broadcasts to whom they have not been handed over. Each is a partial index's to answer.
    """
    inbounds = Inbound.objects.filter(state=Inbound.State.WAITING)
    deliveries = Delivery.objects.filter(state=Delivery.State.WAITING)
    recipients = Recipient.objects.filter(
        state=Recipient.State.WAITING, broadcast__state=Broadcast.State.RUNNING
    )
    return {
        "inbound": _backlog(inbounds.aggregate(count=Count("pk"), since=Min("received_at"))),
        "delivery": _backlog(deliveries.aggregate(count=Count("pk"), since=Min("created_at"))),
        "broadcast": _backlog(recipients.aggregate(count=Count("pk"), since=Min("broadcast__confirmed_at"))),
    }


def _backlog(row: Mapping[str, Any]) -> Backlog:
    oldest_s = (timezone.now() - row["since"]).total_seconds() if row["since"] else 0.0
    return Backlog(row["count"], max(0.0, oldest_s))
