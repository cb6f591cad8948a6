"""Who may make an account: everybody, whoever has been invited, or nobody (SIGN_UP)."""

from datetime import timedelta

from django.conf import settings
from django.core import signing

from messaging.errors import Forbidden

SALT = "parley.invitation"
MAX_AGE = timedelta(days=365)


def invite(*, lasts: timedelta) -> str:
    """A link by which anybody who has it may make an account until it ends. It is signed, not stored."""
    ends_after_s = int(min(lasts, MAX_AGE).total_seconds())
    return f"{settings.WEB_URL}/signup/?invitation={signing.dumps(ends_after_s, salt=SALT)}"


def require_invitation(invitation: str) -> None:
    """Raises `Forbidden` (`sign_up_closed`, `invitation_needed`) for who may not make an account."""
    if settings.SIGN_UP == "closed":
        raise Forbidden("Nobody can sign up here now.", code="sign_up_closed")
    if settings.SIGN_UP == "invitation" and not _holds(invitation):
        raise Forbidden(
            "Signing up takes an invitation: ask somebody who is here for its link.", code="invitation_needed"
        )


def _holds(invitation: str) -> bool:
    try:
        ends_after_s: int = signing.loads(invitation, salt=SALT, max_age=MAX_AGE)
        signing.loads(invitation, salt=SALT, max_age=ends_after_s)
    except signing.BadSignature:
        return False
    return True
