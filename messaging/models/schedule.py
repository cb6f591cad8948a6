"""Schedules: what is done at times that are edited in the admin."""

from django.db import models


class Schedule(models.Model):
    """Does a chore at the times of a cron text. A worker claims a run by the lease, and `next_at` moves on when it is done."""

    name = models.CharField(max_length=60, unique=True)
    chore = models.CharField(max_length=60)
    cron = models.CharField(
        max_length=100, help_text="Minute, hour, day of month, month, day of week: “30 7 * * 1”."
    )
    zone = models.CharField(
        "time zone", max_length=64, default="UTC", help_text="Whose clock: “UTC”, “Europe/Paris” …"
    )
    enabled = models.BooleanField(default=True)
    bot = models.CharField(
        max_length=40, blank=True, default="", help_text="Of a broadcast: which bot says it."
    )
    text = models.TextField(blank=True, default="", help_text="Of a broadcast: what it says.")

    next_at = models.DateTimeField(null=True, blank=True, db_index=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)
    last_outcome = models.CharField(max_length=300, blank=True, default="")

    def __str__(self) -> str:
        return self.name
