"""Chats: the places where messages are."""

import secrets

from django.db import models
from django.db.models import F, Q

from messaging.models.user import User


def new_uri() -> str:
    """An unguessable name: 96 bits, in characters that a group name of the channel layer may have."""
    return secrets.token_urlsafe(12)


class Chat(models.Model):
    """One chat and the counters of its log. The row is the log's lock: see `messaging/log.py`."""

    class Kind(models.TextChoices):
        FEED = "feed"
        ROOM = "room"
        THREAD = "thread"
        CONTACT = "contact"

    class State(models.TextChoices):
        ACTIVE = "active"
        CLOSED = "closed"

    uri = models.CharField(max_length=64, unique=True, default=new_uri)
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    name = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    client_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - NULL: no key, not unique
    request_digest = models.CharField(max_length=64, blank=True, default="")

    link_open = models.BooleanField(default=True, help_text="Whoever has the link may join.")
    history_open = models.BooleanField(
        default=True, help_text="New members see what was said before they came."
    )

    pair = models.CharField(
        max_length=41, blank=True, default="", help_text="Of a thread: both ids, lower first."
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    bot = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Of a thread: the bot in it, if a module of ours answers for it.",
    )

    active_at = models.DateTimeField(auto_now_add=True, help_text="When its log last grew.")
    last_seq = models.PositiveBigIntegerField(default=0)
    pruned_seq = models.PositiveBigIntegerField(default=0)
    message_count = models.PositiveBigIntegerField(default=0)

    created_by_id: int | None
    closed_by_id: int | None
    bot_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind"], name="chat_one_feed", condition=Q(kind="feed")),
            models.UniqueConstraint(
                fields=["pair"],
                name="chat_one_active_thread_a_pair",
                condition=Q(kind="thread", state="active"),
            ),
            models.UniqueConstraint(
                fields=["created_by", "client_id"],
                name="chat_idempotency",
                condition=Q(client_id__isnull=False),
            ),
            models.CheckConstraint(condition=Q(kind="thread") ^ Q(pair=""), name="chat_pair_of_threads_only"),
            models.CheckConstraint(
                condition=Q(kind="thread") | Q(state="active"), name="chat_only_threads_close"
            ),
            models.CheckConstraint(condition=Q(pruned_seq__lte=F("last_seq")), name="chat_pruned_within_log"),
            models.CheckConstraint(
                condition=Q(message_count__lte=F("last_seq")), name="chat_messages_within_log"
            ),
        ]
        indexes = [models.Index(fields=["pair", "closed_at"], name="chat_pair_closed")]

    def __str__(self) -> str:
        return self.name or self.uri

    @property
    def stream(self) -> str:
        return f"chat.{self.uri}"


class ThreadSlot(models.Model):
    """A person's one place in an active thread; its primary key is what makes threads exclusive."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.PROTECT, related_name="thread_slot")
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="slots")

    user_id: int

    def __str__(self) -> str:
        return f"{self.user} in {self.chat}"
