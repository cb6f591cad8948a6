"""People and bots who have an account, and what they prove it with."""

from typing import Any, ClassVar, cast

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.crypto import salted_hmac
from knox.models import AbstractAuthToken

# No "@": a name must never be mistaken for somebody's e-mail address at log-in.
username_validator = RegexValidator(
    r"^[\w.+-]+\Z", "Letters, digits and . + - _ only.", code="invalid_username"
)


class PeopleManager(UserManager["User"]):
    """Finds people by name without regard to case, as the unique index does."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username or "")


class User(AbstractUser):  # type: ignore[django-manager-missing]  # auth_token_set is from untyped knox
    """A person or a bot. Never deleted: `actions.accounts.delete_account` anonymises and disables the row."""

    username = models.CharField(
        max_length=64,
        unique=True,
        validators=[username_validator],
        error_messages={"unique": "A person with that name already exists."},
    )
    email = models.EmailField(blank=True, default="")
    email_confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="When a mail that was sent there had been read."
    )
    is_bot = models.BooleanField(default=False)
    bot_name = models.CharField(
        max_length=40, blank=True, default="", help_text="Of a bot: the module of ours that answers for it."
    )
    access_version = models.PositiveIntegerField(
        default=0,
        help_text="Raised by whatever changes what this account may see; live connections compare it.",
    )
    list_version = models.PositiveIntegerField(
        default=0, help_text="Raised when the person's list of chats changes."
    )
    second_factor_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when every log-in takes a one-time code."
    )
    accepted_terms = models.PositiveIntegerField(
        null=True, blank=True, help_text="The last version of the terms that they have accepted."
    )
    accepted_privacy = models.PositiveIntegerField(
        null=True, blank=True, help_text="The same of the privacy text."
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[PeopleManager] = PeopleManager()
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Upper("username"), name="user_username_unique_any_case"),
            models.UniqueConstraint(
                Upper("email"),
                name="user_email_confirmed_once",
                condition=Q(email_confirmed_at__isnull=False) & ~Q(email=""),
            ),
            models.UniqueConstraint(
                fields=["bot_name"], name="user_bot_name_once", condition=~Q(bot_name="")
            ),
        ]
        # Upper, since that is what Django compares by without regard to case.
        indexes = [
            models.Index(Upper("email"), name="user_email_any_case", condition=~Q(email="")),
        ]
        permissions = [("operate", "May delete any message and suspend people (operator)")]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        return "deleted user" if self.deleted_at else self.username

    @property
    def lacks_second_factor(self) -> bool:
        """Whether whatever rights there are wait until one is set up."""
        return bool(settings.SECOND_FACTOR_REQUIRED) and self.second_factor_at is None

    @property
    def waits_for_second_factor(self) -> bool:
        """Whether there are any rights that do."""
        return self.lacks_second_factor and (self.is_staff or super().has_perm("messaging.operate"))

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return not self.lacks_second_factor and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return not self.lacks_second_factor and super().has_module_perms(app_label)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Page sessions end with the password that they were begun with, and with the second factor or its absence."""
        begun_with: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        since = "" if self.second_factor_at is None else self.second_factor_at.isoformat()
        return (
            salted_hmac("parley.session", begun_with + since, secret=secret).hexdigest()
            if since
            else begun_with
        )

    @property
    def is_operator(self) -> bool:
        return self.is_active and self.has_perm("messaging.operate")


class Token(AbstractAuthToken):
    """What one device signs in with: hashed at rest (knox), named, expiring, revocable on its own."""

    name = models.CharField(max_length=100, blank=True, default="")
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last used, to within five minutes."
    )
    user_id: int

    class Meta(AbstractAuthToken.Meta):
        abstract = False

    def __str__(self) -> str:
        return f"{self.name or 'a device'} of {self.user}"

    @property
    def id(self) -> str:
        """The public handle of the token: the key knox looks it up by, which does not open anything."""
        return cast(str, self.token_key)


class PageSession(models.Model):
    """What is known of a browser in which somebody has signed in, beside what Django keeps: its session's row may go at
    any time, and then this one means nothing. `id` is the public handle, which does not open anything.
    """

    id = models.CharField(max_length=16, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(help_text="When it was last used, to within five minutes.")

    user_id: int

    def __str__(self) -> str:
        return f"{self.name or 'a browser'} of {self.user}"


class Ticket(models.Model):
    """Opens one live connection, once, within a minute; for pages and apps that must not hand out a token.

    It stands for the token or page session that it was got with, and holds no longer than that.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    origin = models.CharField(max_length=8, choices=[("token", "token"), ("session", "session")])
    origin_key = models.CharField(max_length=128)
    expires_at = models.DateTimeField(db_index=True)

    user_id: int

    def __str__(self) -> str:
        return f"ticket of {self.user}"


class LoginFailure(models.Model):
    """One failed log-in, counted by account and by address; a row, so that it holds with Redis down."""

    key = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["key", "at"], name="login_failure_key_at")]

    def __str__(self) -> str:
        return self.key
