"""Incoming webhooks: by which other programs post into a chat."""

from django.db import models

from messaging.models.chat import Chat
from messaging.models.user import User


class IncomingWebhook(models.Model):
    """One program's way into one chat, where it speaks as `bot`. Its secret is not kept: it follows from our own key, the
    uid and the version, so that whoever reads the table can't call it.
    """

    uid = models.CharField(max_length=32, unique=True)
    bot = models.ForeignKey(User, on_delete=models.PROTECT, related_name="incoming_webhooks")
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="incoming_webhooks")
    version = models.PositiveIntegerField(default=1)
    former_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when the secret before this one is taken too."
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    bot_id: int
    chat_id: int

    def __str__(self) -> str:
        return f"{self.bot} in {self.chat} ({self.uid})"
