"""Accounts: signing up and in, devices, passwords, suspension, deletion."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode
from knox.settings import knox_settings

from messaging import limits, log
from messaging.access import require_operator
from messaging.actions.chats import depart
from messaging.actions.contacts import forget_contacts
from messaging.actions.threads import close_thread
from messaging.bell import bell
from messaging.commands import FEED_URI
from messaging.errors import (
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ParleyError,
    TooMany,
    Unauthorized,
)
from messaging.models import Chat, LoginFailure, Member, Ticket, Token, User
from messaging.queries.credentials import Credential, credential_with_key, ticket_digest

TICKET_PREFIX = "ticket."
TICKET_LIFETIME = timedelta(seconds=60)
TICKET_CONNECTION_LIFETIME = timedelta(hours=1)


def sign_up(
    *,
    username: str,
    password: str,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
    address: str = "",
    is_bot: bool = False,
) -> User:
    """A new account. Raises `Invalid` with the fields that are wrong.

    An e-mail address that another account has is not taken over and not told of: its owner gets a mail, the new
    account has none.
    """
    if address:
        limits.spend("sign-up", address, per_minute=settings.SIGNUPS_PER_MINUTE)
    user = User(
        username=User.normalize_username(username),
        email=User.objects.normalize_email(email),
        first_name=first_name,
        last_name=last_name,
        is_bot=is_bot,
    )
    _check(user, password)
    owner = User.objects.filter(email__iexact=user.email).first() if user.email else None
    if owner is not None:
        user.email = ""
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            _begin_in_feed(user)
    except IntegrityError:
        raise _lost_the_race(user) from None
    if owner is not None:
        send_mail(
            "Your address at Parley",
            f"Somebody has signed up as {user.username} with this address, which belongs to your account "
            f"{owner.username}. Nothing about your account has changed. If it was you: sign in at "
            f"{settings.WEB_URL}/login/ or have your password reset there.",
            None,
            [owner.email],
        )
    return user


def _check(user: User, password: str) -> None:
    fields: dict[str, list[str]] = {}
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        fields |= error.message_dict
    if "username" not in fields and User.objects.filter(username__iexact=user.username).exists():
        raise _username_taken()
    try:
        validate_password(password, user)
    except ValidationError as error:
        fields["password"] = list(error.messages)
    if fields:
        raise Invalid("Some of what you entered cannot be used.", fields=fields)


def _username_taken() -> Invalid:
    return Invalid(
        "A person with that name already exists.",
        code="username_taken",
        fields={"username": ["A person with that name already exists."]},
    )


def _lost_the_race(user: User) -> ParleyError:
    """Somebody else took the name, or the address, between our look and our write."""
    if User.objects.filter(username__iexact=user.username).exclude(pk=user.pk).exists():
        return _username_taken()
    return Conflict("That cannot be used any more: try again.", code="try_again")


def _begin_in_feed(user: User) -> None:
    """What was in the feed before somebody came is not unread to them."""
    feed = Chat.objects.get(uri=FEED_URI)
    Member.objects.create(chat=feed, user=user, from_seq=1, read_number=feed.message_count)


def log_in(*, identifier: str, password: str, address: str) -> User:
    """The account behind a username or e-mail and its password. Raises `Invalid` (`invalid_credentials`), the same for
    an unknown account and a wrong password, and `TooMany` after too many failures.
    """
    with _counting_failures(identifier, address):
        user = authenticate(username=identifier, password=password)
        if not isinstance(user, User):
            raise Invalid("The name or the password is wrong.", code="invalid_credentials")
    return user


def require_password(*, user: User, password: str, address: str) -> None:
    """Before what must not be done with a token or an open page alone. Raises `Invalid` (`invalid_password`), and
    `TooMany` after too many failures.
    """
    with _counting_failures(user.username, address):
        if not user.check_password(password):
            raise Invalid(
                "The password is wrong.",
                code="invalid_password",
                fields={"current_password": ["The password is wrong."]},
            )


@contextmanager
def _counting_failures(identifier: str, address: str) -> Iterator[None]:
    """Raises `TooMany` if there have been too many failures; counts one if the block raises `Invalid`."""
    name = identifier.casefold()[:100]
    keys = {
        f"pair:{name}@{address}": settings.LOGIN_FAILURES_PER_HOUR,
        f"account:{name}": 5 * settings.LOGIN_FAILURES_PER_HOUR,
        f"address:{address}": 5 * settings.LOGIN_FAILURES_PER_HOUR,
    }
    since = timezone.now() - timedelta(hours=1)
    for key, limit in keys.items():
        if LoginFailure.objects.filter(key=key, at__gt=since).count() >= limit:
            raise TooMany(
                "Too many failed log-ins: try again later.", code="too_many_logins", retry_after_s=600
            )
    try:
        yield
    except Invalid:
        LoginFailure.objects.bulk_create(LoginFailure(key=key) for key in keys)
        raise


def create_token(*, user: User, name: str = "") -> tuple[Token, str]:
    """A token for one device: the row, and the secret, which is shown this once and kept only as a hash."""
    row, secret = Token.objects.create(user=user, name=name[:100])
    return row, secret


def renew_token(*, token: Token) -> None:
    """Puts off the end of a token that is in use, at most once a day."""
    expiry = timezone.now() + knox_settings.TOKEN_TTL
    if token.expiry and (expiry - token.expiry).total_seconds() > knox_settings.MIN_REFRESH_INTERVAL:
        Token.objects.filter(pk=token.pk).update(expiry=expiry)


def revoke_token(*, user: User, token_id: str) -> None:
    """Signs one device out; its live connections close. Raises `NotFound` for a token that is not the user's."""
    with transaction.atomic(durable=True):
        gone, _ = Token.objects.filter(user=user, token_key=token_id).delete()
        if not gone:
            raise NotFound("There is no such device.", code="no_such_device")
        _access_changed(user)


def change_password(*, user: User, password: str, keep: Token | None = None) -> None:
    """Sets the password and signs out every device but the one that `keep` belongs to. Page sessions end with the old
    password by themselves.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            "That password cannot be used.", fields={"new_password": list(error.messages)}
        ) from None
    with transaction.atomic(durable=True):
        user.set_password(password)
        user.save(update_fields=["password"])
        Token.objects.filter(user=user).exclude(pk=keep.pk if keep else "").delete()
        _access_changed(user)


def begin_password_reset(*, email: str, address: str) -> User | None:
    """Whom to mail a link by which they choose a new password: None if nobody has that address, which must not be told."""
    limits.spend("password-reset", address, per_minute=settings.SIGNUPS_PER_MINUTE)
    mailbox = sha256(email.casefold().encode()).hexdigest()
    limits.spend("password-reset", mailbox, per_minute=settings.SIGNUPS_PER_MINUTE)
    user = User.objects.filter(email__iexact=email, is_active=True).first() if email else None
    return user if user is not None and user.has_usable_password() else None


def reset_password(*, uid: str, token: str, password: str) -> User:
    """Sets the password of whoever was mailed this link, and signs all their devices out."""
    try:
        user = User.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise Invalid("The link has expired or was used before.", code="invalid_reset_link")
    change_password(user=user, password=password)
    return user


def end_session(*, user: User) -> None:
    """A page session of the user has ended: its live connections close."""
    with transaction.atomic():
        _access_changed(user)


def change_profile(*, user: User, **fields: str) -> User:
    """Sets any of username, email, first_name and last_name. Raises `Invalid` with the fields that are wrong."""
    for name in fields.keys() & {"username", "email", "first_name", "last_name"}:
        setattr(user, name, fields[name])
    user.clean()  # brings the name and the address into their normal forms
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise Invalid("Some of what you entered cannot be used.", fields=error.message_dict) from None
    if User.objects.filter(username__iexact=user.username).exclude(pk=user.pk).exists():
        raise _username_taken()
    if user.email and User.objects.filter(email__iexact=user.email).exclude(pk=user.pk).exists():
        raise Invalid("That address cannot be used.", fields={"email": ["That address cannot be used."]})
    try:
        with transaction.atomic():
            user.save(update_fields=["username", "email", "first_name", "last_name"])
            _person_changed(user)
    except IntegrityError:
        raise _lost_the_race(user) from None
    return user


def change_rights(
    *,
    user: User,
    is_staff: bool,
    is_superuser: bool,
    groups: Iterable[Group],
    permissions: Iterable[Permission],
) -> None:
    """What the account may do beyond an ordinary one. Live connections learn of it."""
    with transaction.atomic(durable=True):
        User.objects.filter(pk=user.pk).update(is_staff=is_staff, is_superuser=is_superuser)
        user.groups.set(groups)
        user.user_permissions.set(permissions)
        _access_changed(user)


def delete_account(*, user: User) -> None:
    """Anonymises and disables the account for good. Messages stay, by "deleted user"; rooms and the thread are left."""
    _leave_everything(user)
    with transaction.atomic(durable=True):
        user.username = f"deleted-{user.pk}-{secrets.token_hex(4)}"
        user.email = user.first_name = user.last_name = ""
        user.is_active = user.is_staff = user.is_superuser = False
        user.deleted_at = timezone.now()
        user.set_unusable_password()
        user.save(
            update_fields=[
                *("username", "email", "first_name", "last_name", "password"),
                *("is_active", "is_staff", "is_superuser", "deleted_at"),
            ]
        )
        user.groups.clear()
        user.user_permissions.clear()
        Token.objects.filter(user=user).delete()
        _person_changed(user)
    _leave_everything(user)  # what they came into meanwhile


def _leave_everything(user: User) -> None:
    present = Member.objects.filter(user=user, from_seq__isnull=False)
    rooms_and_threads = present.exclude(chat__kind=Chat.Kind.FEED).values_list("chat__uri", "chat__kind")
    for uri, kind in rooms_and_threads.order_by("chat__uri"):
        if kind == Chat.Kind.THREAD:
            close_thread(user=user, chat=uri)
        else:
            _leave(user, uri)
    forget_contacts(user=user)


def _leave(user: User, uri: str) -> None:
    with log.writing(uri) as chat_log:
        place = Member.objects.filter(chat=chat_log.chat, user=user, from_seq__isnull=False).first()
        if place is not None:
            depart(chat_log, place, user)


def suspend_user(*, operator: User, user: User) -> None:
    """Silences somebody at once, everywhere, until they are reinstated. For operators; not against operators."""
    require_operator(operator)
    if user.is_operator:
        raise Forbidden("Operators cannot be suspended: take the permission away first.", code="is_operator")
    if user.deleted_at is None:
        _set_suspended(user, suspended=True)


def reinstate_user(*, operator: User, user: User) -> None:
    require_operator(operator)
    if user.deleted_at is None:
        _set_suspended(user, suspended=False)


def _set_suspended(user: User, *, suspended: bool) -> None:
    with transaction.atomic(durable=True):
        user.is_active = not suspended
        user.suspended_at = timezone.now() if suspended else None
        user.save(update_fields=["is_active", "suspended_at"])
        _access_changed(user)


def create_ticket(*, user: User, token: Token | None, session_key: str | None) -> str:
    """A ticket that opens one live connection within a minute, for whoever asks with this token or page session."""
    if token is None and not session_key:
        raise Unauthorized("A ticket is got with a token or a signed-in page.")
    ticket = TICKET_PREFIX + secrets.token_urlsafe(24)
    Ticket.objects.create(
        digest=ticket_digest(ticket),
        user=user,
        origin="token" if token else "session",
        origin_key=token.digest if token else session_key or "",
        expires_at=timezone.now() + TICKET_LIFETIME,
    )
    return ticket


def redeem_ticket(*, ticket: str) -> Credential:
    """Spends a ticket. Raises `Expired` if it has run out or was spent before: its holder gets another one; and
    `Unauthorized` if what it was got with holds no longer.
    """
    row = Ticket.objects.filter(digest=ticket_digest(ticket)).first()
    if row is None or not Ticket.objects.filter(pk=row.pk).delete()[0] or row.expires_at <= timezone.now():
        raise Expired("The ticket has expired or was used before.", code="ticket_expired")
    origin = credential_with_key("token" if row.origin == "token" else "session", row.origin_key)
    if origin is None or origin.user.pk != row.user_id:
        raise Unauthorized("What the ticket was got with holds no longer.")
    ends_at = timezone.now() + TICKET_CONNECTION_LIFETIME
    return replace(origin, expires_at=min(ends_at, origin.expires_at or ends_at), renewable=True)


def _access_changed(user: User) -> None:
    """Every hub compares the credentials of the user's live connections once this is committed."""
    User.objects.filter(pk=user.pk).update(access_version=F("access_version") + 1)
    transaction.on_commit(lambda: bell.ring_recheck(user.pk))


def _person_changed(user: User) -> None:
    """The same, and every hub forgets under which name it has told of them."""
    _access_changed(user)
    transaction.on_commit(bell.ring_people)
