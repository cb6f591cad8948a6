"""Messages: what was said in a chat, as it stands now."""

from django.db import models
from django.db.models import Q

from messaging.models.chat import Chat
from messaging.models.contact import Contact
from messaging.models.user import User


class Message(models.Model):
    """One message, of a user or of a contact. `number` counts the chat's messages, `seq` is the event that posted it.
    Deleted: text blank.
    """

    class Delivery(models.TextChoices):
        """How far it has come on its way to a contact; the rows of `Delivery` tell the details."""

        WAITING = "waiting"
        SENT = "sent"
        DELIVERED = "delivered"
        READ = "read"
        FAILED = "failed"
        SKIPPED = "skipped"

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="messages")
    number = models.PositiveBigIntegerField()
    seq = models.PositiveBigIntegerField()
    author = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(blank=True)
    extras = models.JSONField(
        null=True, blank=True, help_text="Buttons, pictures … (`messaging/content.py`)."
    )
    external_id = models.CharField(
        max_length=200, blank=True, default="", help_text="The platform's id of it."
    )
    delivery = models.CharField(max_length=9, blank=True, default="", choices=Delivery)
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    client_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - NULL: no key, not unique
    request_digest = models.CharField(max_length=64, blank=True, default="")

    chat_id: int
    author_id: int | None
    contact_id: int | None
    deleted_by_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat", "number"], name="message_number_once"),
            models.UniqueConstraint(fields=["chat", "seq"], name="message_seq_once"),
            models.UniqueConstraint(
                fields=["chat", "author", "client_id"],
                name="message_idempotency",
                condition=Q(client_id__isnull=False),
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(text="", extras__isnull=True),
                name="message_deleted_is_blank",
            ),
            models.CheckConstraint(
                condition=Q(author__isnull=True) ^ Q(contact__isnull=True), name="message_one_author"
            ),
        ]
        indexes = [
            models.Index(
                fields=["chat", "external_id"], name="message_external_id", condition=~Q(external_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chat_id}#{self.number}"
