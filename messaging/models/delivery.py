"""Deliveries: what we owe contacts on platforms, and how fast we may pay."""

from django.db import models
from django.db.models import Q

from messaging.models.contact import Contact
from messaging.models.message import Message


class Delivery(models.Model):
    """One message to be sent, or (`edits`) to be put in the place of one that was. Sent in the order of ids per contact."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        DELIVERED = "delivered"
        READ = "read"
        FAILED = "failed"
        SKIPPED = "skipped"

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="deliveries")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    edits = models.CharField(
        max_length=200, blank=True, default="", help_text="The platform's id of the message it replaces."
    )
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(
        default=0, help_text="Tries whose outcome was never recorded: it may have arrived more often."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(
        null=True, blank=True, help_text="Up to when the platform says that everything has arrived."
    )
    read_at = models.DateTimeField(null=True, blank=True, help_text="The same of what they have read.")
    external_ids = models.JSONField(default=list, help_text="The platform's ids of its parts.")
    code = models.CharField(max_length=40, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")

    contact_id: int
    message_id: int

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["contact", "id"], name="delivery_waiting", condition=Q(state="waiting")),
            models.Index(
                fields=["contact", "sent_at"],
                name="delivery_on_its_way",
                condition=Q(state__in=("sent", "delivered")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message} to {self.contact_id}"


class Pace(models.Model):
    """How fast one platform account may send, shared by all workers: nothing before `paused_until`, which the platform
    asked for; and no more than its rate, of which everything up to `paced_until` is spent.
    """

    platform = models.CharField(max_length=16)
    account = models.CharField(max_length=64)
    paced_until = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "account"], name="pace_once")]

    def __str__(self) -> str:
        return f"{self.platform}/{self.account}"
