"""Terms and privacy: the texts that hold here, version by version, and who has accepted which."""

from django.db import models

from messaging.models.user import User


class Kind(models.TextChoices):
    """`terms`: what everybody may expect of each other here. `privacy`: what is kept about whom, and why."""

    TERMS = "terms", "Terms"
    PRIVACY = "privacy", "Privacy"


class TermsText(models.Model):
    """One version of one of the texts, in one language. Before the first there is the one that comes along, version 0."""

    kind = models.CharField(max_length=8, choices=Kind)
    version = models.PositiveIntegerField()
    language = models.CharField(max_length=16)
    text = models.TextField()
    published_at = models.DateTimeField(auto_now_add=True)
    published_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "version", "language"], name="terms_text_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.version} ({self.language})"


class Acceptance(models.Model):
    """Somebody has accepted a version, at that moment."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="acceptances")
    kind = models.CharField(max_length=8, choices=Kind)
    version = models.PositiveIntegerField()
    accepted_at = models.DateTimeField(auto_now_add=True)
    door = models.CharField(max_length=4, choices=[("page", "page"), ("rest", "rest")])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "version"], name="acceptance_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind} {self.version}"
