"""E-mail addresses: whose one is, is known when the mail that went there has been read.

Any number of accounts may name an address; at most one has confirmed it. So whatever is done with an address, here and
at log-in, goes the same way whether somebody else has it or not, and tells nothing of them.
"""

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from messaging import limits
from messaging.errors import Conflict, Invalid
from messaging.models import User

_SALT = "parley.address"
CONFIRM_WITHIN_S = 7 * 24 * 3600


def mail_confirmation(user: User) -> None:
    """Mails the account's address a link that confirms it; or, if it is confirmed elsewhere, what has been tried."""
    if not user.email or user.email_confirmed_at is not None:
        return
    owner = _owner_of(user.email)
    if owner is None:
        token = signing.dumps([user.pk, user.email], salt=_SALT)
        text = (
            f"{user.username} at Parley has given this address. If that is you, confirm it:\n\n"
            f"{settings.WEB_URL}/{settings.ADDRESS_CONFIRM_PATH.format(token=token)}\n\n"
            f"If it isn't, do nothing."
        )
    else:
        text = (
            f"Somebody has given this address, which belongs to your account {owner.username} at Parley, for the "
            f"account {user.username}. Nothing about yours has changed. If it was you: sign in at "
            f"{settings.WEB_URL}{settings.LOGIN_URL} or have your password reset there."
        )
    send_mail("Your address at Parley", text, None, [user.email])


def mail_confirmation_again(*, user: User) -> None:
    """The same for somebody who asks, a few times a minute at most."""
    limits.spend("confirmation", user.pk, per_minute=settings.SIGNUPS_PER_MINUTE)
    mail_confirmation(user)


def confirm_address(*, token: str) -> User:
    """Whoever has read the mail says so. Raises `Invalid` for a link that is too old or not ours, `Conflict` if the
    address was confirmed for another account.
    """
    try:
        user_id, email = signing.loads(token, salt=_SALT, max_age=CONFIRM_WITHIN_S)
    except signing.BadSignature:
        raise _no_such_link() from None
    user = User.objects.filter(pk=user_id, email=email, deleted_at__isnull=True).first()
    if user is None:
        raise _no_such_link()
    confirm_address_of(user)
    return user


def confirm_address_of(user: User) -> None:
    """Somebody has shown that they read this account's mail. Raises `Conflict` like `confirm_address`."""
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk, email=user.email, email_confirmed_at__isnull=True).update(
                email_confirmed_at=timezone.now()
            )
    except IntegrityError:
        raise Conflict(
            "That address belongs to another account of yours: sign in there.",
            code="address_confirmed_elsewhere",
        ) from None
    user.refresh_from_db(fields=["email_confirmed_at"])


def _owner_of(email: str) -> User | None:
    return User.objects.filter(email__iexact=email, email_confirmed_at__isnull=False).first()


def _no_such_link() -> Invalid:
    return Invalid("The link has expired: have another one mailed.", code="invalid_address_link")
