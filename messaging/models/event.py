"""Events: the numbered entries of each chat's log."""

from django.db import models

from messaging.models.chat import Chat
from messaging.models.message import Message


class Event(models.Model):
    """One entry. `data` is the event's stored form (`messaging/events.py`): people in it stand as `{"user_id": n}`."""

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=40)
    at = models.DateTimeField(db_index=True)
    data = models.JSONField()
    ends = models.JSONField(default=list, help_text="Ids of the users whose stay this event ends.")
    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="events"
    )

    chat_id: int
    message_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat", "seq"], name="event_seq_once"),
        ]

    def __str__(self) -> str:
        return f"{self.chat_id}@{self.seq} {self.type}"
