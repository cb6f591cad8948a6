"""Documents: what bots make on the spot and send as a file."""

from django.db import models

from messaging.models.message import Message


class Document(models.Model):
    """The content of the file that a message is. The message's extras have its name."""

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.CASCADE, related_name="document"
    )
    content = models.TextField()

    message_id: int

    def __str__(self) -> str:
        return f"document of {self.message_id}"
