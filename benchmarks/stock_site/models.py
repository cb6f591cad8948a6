"""The message of the posting view, and the event of the webhook."""

from django.conf import settings
from django.db import models


class Message(models.Model):
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "stock_site"

    def __str__(self) -> str:
        return self.text


class Inbound(models.Model):
    external_id = models.CharField(max_length=200, unique=True)
    person = models.CharField(max_length=64)
    raw = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "stock_site"

    def __str__(self) -> str:
        return self.external_id
