"""Broadcasts: one message for many recipients, one row for each of them."""

from django.db import models
from django.db.models import Q

from messaging.models.contact import Contact
from messaging.models.delivery import Delivery
from messaging.models.message import Message
from messaging.models.schedule import Schedule
from messaging.models.user import User


class Broadcast(models.Model):
    """What a bot says to many. A draft waits for its author's word; nothing is sent of it before.

    Its author is a user, a contact (an operator who wrote to the bot) or a schedule.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        RUNNING = "running"
        PAUSED = "paused"
        CANCELLED = "cancelled"
        DONE = "done"

    bot = models.CharField(max_length=40)
    text = models.TextField(blank=True)
    extras = models.JSONField(null=True, blank=True, help_text="As a message's.")
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT, db_index=True)
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    author_contact = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    schedule = models.ForeignKey(Schedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="Of a schedule: the time that it was for. Once each."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    author_id: int | None
    author_contact_id: int | None
    schedule_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "due_at"],
                name="broadcast_once_a_run",
                condition=Q(schedule__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"broadcast {self.pk}"


class Recipient(models.Model):
    """One whom a broadcast is for, and what became of it. `handed`: it is in their chat's log, its delivery is owed."""

    class State(models.TextChoices):
        WAITING = "waiting"
        HANDED = "handed"
        SENT = "sent"
        SKIPPED = "skipped"
        FAILED = "failed"

    broadcast = models.ForeignKey(Broadcast, on_delete=models.CASCADE, related_name="recipients")
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    code = models.CharField(max_length=40, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    lost = models.PositiveIntegerField(
        default=0, help_text="Tries whose outcome was never recorded: it may have arrived more often."
    )
    handed_at = models.DateTimeField(null=True, blank=True)

    broadcast_id: int
    contact_id: int | None
    user_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["broadcast", "contact"],
                name="recipient_contact_once",
                condition=Q(contact__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["broadcast", "user"], name="recipient_user_once", condition=Q(user__isnull=False)
            ),
            models.CheckConstraint(
                condition=Q(contact__isnull=True) ^ Q(user__isnull=True), name="recipient_is_one"
            ),
        ]
        indexes = [
            models.Index(fields=["broadcast", "id"], name="recipient_waiting", condition=Q(state="waiting")),
            models.Index(fields=["broadcast", "id"], name="recipient_handed", condition=Q(state="handed")),
        ]

    def __str__(self) -> str:
        return f"{self.contact or self.user}"
