"""Members: who is in a chat, since when, as what, and how far they have read."""

from django.db import models
from django.db.models import F, Q

from messaging.models.chat import Chat
from messaging.models.user import User


class Member(models.Model):
    """A user's place in a chat. `from_seq` is the first event they may see of their stay; NULL: not in it now."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MEMBER = "member"

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.MEMBER)
    from_seq = models.PositiveBigIntegerField(null=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    read_number = models.PositiveBigIntegerField(default=0)
    barred = models.BooleanField(default=False, help_text="Was removed: only an invitation brings them back.")

    chat_id: int
    user_id: int

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chat", "user"], name="member_once_a_chat"),
        ]
        indexes = [
            models.Index(
                fields=["user", "chat"], name="member_user_here", condition=Q(from_seq__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.chat}"


class Interval(models.Model):
    """A stay that has ended: the member saw the events `[from_seq, to_seq)`."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="intervals")
    from_seq = models.PositiveBigIntegerField()
    to_seq = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(from_seq__lte=F("to_seq")), name="interval_forward"),
        ]

    def __str__(self) -> str:
        return f"[{self.from_seq}, {self.to_seq})"
