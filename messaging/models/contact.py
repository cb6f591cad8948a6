"""Contacts: people on a bot platform, one row for each account of ours that they write to."""

from django.db import models
from django.db.models import Q

from messaging.models.chat import Chat
from messaging.models.user import User

WEB = "web"


class Contact(models.Model):
    """One person as one platform account of ours knows them. On the platform `web` it is one of our users, in a thread
    with a bot, and `user` is that user; elsewhere `user` is the account that they have linked.
    """

    platform = models.CharField(max_length=16)
    account = models.CharField(max_length=64)
    external_id = models.CharField(max_length=64)
    chat = models.OneToOneField(Chat, on_delete=models.PROTECT, related_name="contact")

    first_name = models.CharField(max_length=100, blank=True, default="")
    last_name = models.CharField(max_length=100, blank=True, default="")
    username = models.CharField(max_length=100, blank=True, default="")
    picture_url = models.CharField(max_length=500, blank=True, default="")
    language = models.CharField(max_length=16, blank=True, default="", help_text="As the platform says.")
    chosen_language = models.CharField(max_length=16, blank=True, default="")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    profile_at = models.DateTimeField(null=True, blank=True, help_text="When the platform was last asked.")

    created_at = models.DateTimeField(auto_now_add=True)
    heard_at = models.DateTimeField(null=True, blank=True, help_text="When they last said something.")
    banned_at = models.DateTimeField(null=True, blank=True)
    unreachable_at = models.DateTimeField(null=True, blank=True, help_text="Since when they block the bot.")
    taken_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    waiting_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when they wait for a person to answer."
    )
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="contacts")
    referral = models.CharField(max_length=100, blank=True, default="", help_text="What first led them here.")
    referred_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="referred"
    )
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    place = models.CharField(max_length=200, blank=True, default="", help_text="The location in words.")
    paced_until = models.DateTimeField(
        null=True, blank=True, help_text="Up to when their share of what we may send is spent."
    )

    chat_id: int
    user_id: int | None
    taken_by_id: int | None
    referred_by_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["platform", "account", "external_id"], name="contact_once"),
            models.CheckConstraint(
                condition=~Q(platform=WEB) | Q(user__isnull=False), name="contact_on_web_is_user"
            ),
        ]
        indexes = [
            models.Index(
                fields=["waiting_since"], name="contact_waiting", condition=Q(waiting_since__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        if self.platform == WEB and self.user is not None:
            return self.user.display_name
        return f"{self.first_name} {self.last_name}".strip() or self.username or f"{self.platform} contact"

    @property
    def speaks(self) -> str:
        """The language to answer in: two letters."""
        return (self.chosen_language or self.language or "en")[:2].lower()


class LinkCode(models.Model):
    """A one-time code that links a contact with a web account: given to one of them, and brought by the other."""

    digest = models.CharField(max_length=64, primary_key=True)
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField(db_index=True)

    contact_id: int | None
    user_id: int | None

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(contact__isnull=True) ^ Q(user__isnull=True), name="link_code_of_one_side"
            ),
        ]

    def __str__(self) -> str:
        return f"link code of {self.contact or self.user}"
