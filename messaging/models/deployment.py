"""What there is once per deployment: the epoch of its logs, and who did which chore when."""

import secrets

from django.db import models
from django.db.models import Q


def new_epoch() -> str:
    return secrets.token_hex(4)


class Deployment(models.Model):
    """The one row whose epoch dates every position; `manage.py bump_epoch` after a restore from a backup."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    epoch = models.CharField(max_length=16, default=new_epoch)
    for_tests = models.BooleanField(
        default=False, help_text="Whether simulated people may come: `manage.py mark_for_tests`."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="deployment_one_row"),
        ]

    def __str__(self) -> str:
        return self.epoch


class Chore(models.Model):
    """A periodic job of the worker and when it is due next: claimed by one worker, by filter and update."""

    name = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
