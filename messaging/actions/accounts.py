"""Accounts: signing up and in, devices, passwords, suspension, deletion."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
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
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from messaging import limits, log
from messaging.access import require_operator
from messaging.actions.addresses import confirm_address_of, mail_confirmation
from messaging.actions.audit import note_deed
from messaging.actions.chats import depart
from messaging.actions.contacts import forget_contacts
from messaging.actions.credentials import access_changed
from messaging.actions.devices import forget_devices
from messaging.actions.invitations import require_invitation, use_invitation
from messaging.actions.second_factor import WithCode, delete_secrets, prove_second_factor
from messaging.actions.terms import accept_terms, shown
from messaging.actions.threads import close_thread
from messaging.bell import bell
from messaging.commands import FEED_URI
from messaging.counters import LOGIN_FAILURES
from messaging.errors import (
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    TooMany,
    Unauthorized,
)
from messaging.models import Chat, LoginFailure, Member, Ticket, Token, User
from messaging.queries.credentials import Credential, credential_with_key, ticket_digest
from messaging.queries.users import holders_of

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
    invitation: str = "",
    terms_version: int | None = None,
    privacy_version: int | None = None,
    door: str = "rest",
    is_bot: bool = False,
) -> User:
    """A new account. Raises `Invalid` with the fields that are wrong; and for who comes from an `address`, `Forbidden`
    where SIGN_UP does not let them. They accept the terms and the privacy text in the versions that they were shown,
    which are those in force if they do not say.

    An e-mail address is the account's alone when it has been confirmed; until then nobody is told whether others name
    it too (`messaging/actions/addresses.py`).
    """
    if address:
        require_invitation(invitation)
        limits.spend("sign-up", limits.network_of(address), per_minute=settings.SIGNUPS_PER_MINUTE)
    user = User(
        username=User.normalize_username(username),
        email=User.objects.normalize_email(email),
        first_name=first_name,
        last_name=last_name,
        is_bot=is_bot,
    )
    _check(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
            _begin_in_feed(user)
            if address:
                use_invitation(invitation)
                versions = shown(terms_version, privacy_version)
                accept_terms(user=user, terms=versions.terms, privacy=versions.privacy, door=door)
    except IntegrityError:
        raise _username_taken() from None
    mail_confirmation(user)
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


def _begin_in_feed(user: User) -> None:
    """What was in the feed before somebody came is not unread to them."""
    feed = Chat.objects.get(uri=FEED_URI)
    Member.objects.create(chat=feed, user=user, from_seq=1, read_number=feed.message_count)


def log_in(*, identifier: str, password: str, address: str, code: str = "") -> User:
    """The account behind a username or e-mail and its password, and a code if it has a second factor.

    Raises `Invalid` (`invalid_credentials`), the same for an unknown account and a wrong password; then `Invalid`
    (`second_factor_required`, `invalid_code`); and `TooMany` after too many failures.
    """
    with _counting_failures(identifier, address):
        user = authenticate(username=identifier, password=password)
        if not isinstance(user, User):
            raise Invalid("The name or the password is wrong.", code="invalid_credentials")
        if user.second_factor_at is not None and code:
            prove_second_factor(user=user, code=code)
    if user.second_factor_at is not None and not code:
        sentence = "Enter a code from your app too, or one of your recovery codes."
        raise Invalid(sentence, code="second_factor_required", fields={"code": [sentence]})
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


def with_code(*, action: WithCode, user: User, code: str, address: str) -> list[str] | None:
    """What the action returns; a wrong code counts like a wrong password."""
    with _counting_failures(user.username, address):
        return action(user=user, code=code)


@contextmanager
def _counting_failures(identifier: str, address: str) -> Iterator[None]:
    """Raises `TooMany` if there have been too many failures; counts one if the block raises `Invalid`."""
    # By name and by address is the same account.
    name = next((user.username for user in holders_of(identifier)), identifier).casefold()[:100]
    address = limits.network_of(address)
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
        LOGIN_FAILURES.inc()
        LoginFailure.objects.bulk_create(LoginFailure(key=key) for key in keys)
        raise


def create_token(*, user: User, name: str = "") -> tuple[Token, str]:
    """A token for one device: the row, and the secret, which is shown this once and kept only as a hash."""
    row, secret = Token.objects.create(user=user, name=name[:100], seen_at=timezone.now())
    return row, secret


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
        access_changed(user)


def mail_password_reset(*, email: str, address: str) -> None:
    """Mails whoever reads that address a link for each of their accounts; nothing to nobody, which is not told."""
    limits.spend("password-reset", limits.network_of(address), per_minute=settings.SIGNUPS_PER_MINUTE)
    mailbox = sha256(email.casefold().encode()).hexdigest()
    limits.spend("password-reset", mailbox, per_minute=settings.SIGNUPS_PER_MINUTE)
    holders = holders_of(email)
    confirmed = [user for user in holders if user.email_confirmed_at is not None]
    for user in confirmed or holders:
        if user.is_active and user.has_usable_password():
            _mail_reset_link(user)


def _mail_reset_link(user: User) -> None:
    uid, token = urlsafe_base64_encode(str(user.pk).encode()), default_token_generator.make_token(user)
    text = (
        f"Somebody, you we hope, wants to reset the password of {user.username} at Parley.\n"
        "To choose a new one:\n\n"
        f"{settings.WEB_URL}/{settings.PASSWORD_RESET_PATH.format(uid=uid, token=token)}\n\n"
        "If it wasn't you, do nothing: the old password stays."
    )
    send_mail("Reset your password at Parley", text, None, [user.email])


def reset_password(*, uid: str, token: str, password: str) -> User:
    """Sets the password of whoever was mailed this link, and signs all their devices out."""
    try:
        user = User.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise Invalid("The link has expired or was used before.", code="invalid_reset_link")
    set_password_by_mail(user=user, password=password)
    return user


def set_password_by_mail(*, user: User, password: str) -> None:
    """The same for a link that has been checked. Whoever has it has also read the account's mail."""
    change_password(user=user, password=password)
    with suppress(Conflict):  # confirmed for another account of theirs
        confirm_address_of(user)


def change_profile(*, user: User, **fields: str) -> User:
    """Sets any of username, email, first_name and last_name. Raises `Invalid` with the fields that are wrong. A new
    address is mailed a link that confirms it.
    """
    address_before = user.email
    for name in fields.keys() & {"username", "email", "first_name", "last_name"}:
        setattr(user, name, fields[name])
    user.clean()  # brings the name and the address into their normal forms
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise Invalid("Some of what you entered cannot be used.", fields=error.message_dict) from None
    if User.objects.filter(username__iexact=user.username).exclude(pk=user.pk).exists():
        raise _username_taken()
    if has_new_address := user.email.casefold() != address_before.casefold():
        user.email_confirmed_at = None
    try:
        with transaction.atomic():
            user.save(update_fields=["username", "email", "email_confirmed_at", "first_name", "last_name"])
            _person_changed(user)
    except IntegrityError:
        raise _username_taken() from None
    if has_new_address:
        mail_confirmation(user)
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
        access_changed(user)


def delete_account(*, user: User) -> None:
    """Anonymises and disables the account for good. Messages stay, by "deleted user"; rooms and the thread are left."""
    _leave_everything(user)
    with transaction.atomic(durable=True):
        user.username = f"deleted-{user.pk}-{secrets.token_hex(4)}"
        user.email = user.first_name = user.last_name = ""
        user.email_confirmed_at = None
        user.is_active = user.is_staff = user.is_superuser = False
        user.deleted_at = timezone.now()
        user.second_factor_at = None
        user.set_unusable_password()
        user.save(
            update_fields=[
                *("username", "email", "email_confirmed_at", "first_name", "last_name", "password"),
                *("is_active", "is_staff", "is_superuser", "deleted_at", "second_factor_at"),
            ]
        )
        user.groups.clear()
        user.user_permissions.clear()
        forget_devices(user)
        delete_secrets(user)
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
        _set_suspended(operator, user, suspended=True)


def reinstate_user(*, operator: User, user: User) -> None:
    require_operator(operator)
    if user.deleted_at is None:
        _set_suspended(operator, user, suspended=False)


def _set_suspended(operator: User, user: User, *, suspended: bool) -> None:
    with transaction.atomic(durable=True):
        user.is_active = not suspended
        user.suspended_at = timezone.now() if suspended else None
        user.save(update_fields=["is_active", "suspended_at"])
        note_deed(
            operator=operator,
            to=user,
            called=user.username,
            what="Suspended." if suspended else "Reinstated.",
        )
        access_changed(user)


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


def _person_changed(user: User) -> None:
    """The same, and every hub forgets under which name it has told of them."""
    access_changed(user)
    transaction.on_commit(bell.ring_people)
