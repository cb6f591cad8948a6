"""What a bot keeps: a small document about each contact, and settings that operators edit."""

from django.db import models

from messaging.models.contact import Contact


class BotState(models.Model):
    """A bot's document about one contact; `version` counts its changes, so that none is lost."""

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="state")
    version = models.PositiveBigIntegerField(default=1)
    data = models.JSONField(default=dict)

    contact_id: int

    def __str__(self) -> str:
        return f"state of {self.contact_id}, version {self.version}"


class BotSetting(models.Model):
    bot = models.CharField(max_length=40)
    key = models.CharField(max_length=60)
    value = models.TextField(blank=True, default="")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bot", "key"], name="bot_setting_once")]

    def __str__(self) -> str:
        return f"{self.bot}.{self.key}"
