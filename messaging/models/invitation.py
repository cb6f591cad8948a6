"""Invitations: by whose links people sign up where that takes one."""

from django.db import models
from django.db.models import F, Q

from messaging.models.user import User


class Invitation(models.Model):
    """A link, kept by its digest, that makes accounts until it ends, is used up, or is revoked."""

    digest = models.CharField(max_length=64, unique=True)
    note = models.CharField(max_length=100, blank=True, default="", help_text="Whom it is for.")
    made_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    most = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many accounts it makes at most; empty: as many as there come."
    )
    used = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(most__isnull=True) | Q(used__lte=F("most")), name="invitation_not_used_up_twice"
            ),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}{f' ({self.note})' if self.note else ''}"
