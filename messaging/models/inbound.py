"""Inbounds: the journal of what platforms sent us, and what became of it."""

from django.db import models
from django.db.models import Q

from messaging.models.contact import Contact


class Inbound(models.Model):
    """One event of a platform, stored before it was answered with 200. Its external id makes it happen once."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        PARKED = "parked"

    platform = models.CharField(max_length=16)
    account = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200)
    person = models.CharField(max_length=64, blank=True, default="")
    kind = models.CharField(max_length=16)
    heard = models.JSONField(null=True)
    profile = models.JSONField(default=dict)
    raw = models.JSONField(null=True, help_text="As it came; forgotten after a while.")
    happened_at = models.DateTimeField(null=True, help_text="The platform's time.")
    received_at = models.DateTimeField(db_index=True)
    repeats = models.PositiveIntegerField(default=0, help_text="How often it came again.")

    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    outcome = models.CharField(max_length=200, blank=True, default="")
    error = models.TextField(blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    apologised = models.BooleanField(default=False)
    leased_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.CASCADE, related_name="inbounds"
    )
    message = models.ForeignKey(
        "messaging.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="inbounds"
    )

    contact_id: int | None
    message_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "account", "external_id"], name="inbound_once"),
        ]
        indexes = [
            models.Index(
                fields=["platform", "account", "person", "id"],
                name="inbound_waiting",
                condition=Q(state="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.platform}/{self.account} {self.external_id}"
