"""Who may make an account: everybody, whoever has been invited, or nobody (SIGN_UP)."""

import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from messaging.access import require_operator
from messaging.actions.audit import note_deed
from messaging.errors import Forbidden, Invalid, NotFound
from messaging.models import Invitation, User

LONGEST = timedelta(days=365)


def invite(
    *, operator: User | None, lasts: timedelta, most: int | None = None, note: str = ""
) -> tuple[Invitation, str]:
    """An invitation, and its link, which is shown this once: whoever has it may make an account until it ends, at most
    `most` of them. Without an operator it is the console's doing.
    """
    if operator is not None:
        require_operator(operator)
    if not timedelta() < lasts <= LONGEST or (most is not None and most < 1):
        raise Invalid("An invitation lasts for up to a year, and is for one person at least.")
    secret = secrets.token_urlsafe(18)
    with transaction.atomic():
        row = Invitation.objects.create(
            digest=_digest(secret),
            note=note[:100],
            made_by=operator,
            expires_at=timezone.now() + lasts,
            most=most,
        )
        _note(operator, row, "Made.")
    return row, f"{settings.WEB_URL}/signup/?invitation={secret}"


def revoke_invitation(*, operator: User | None, invitation: int) -> None:
    """Nobody comes by it any more; who came by it stays. Raises `NotFound`."""
    if operator is not None:
        require_operator(operator)
    with transaction.atomic():
        row = Invitation.objects.select_for_update().filter(pk=invitation).first()
        if row is None:
            raise NotFound("There is no such invitation.", code="no_such_invitation")
        if row.revoked_at is None:
            row.revoked_at = timezone.now()
            row.save(update_fields=["revoked_at"])
            _note(operator, row, "Revoked.")


def require_invitation(invitation: str) -> None:
    """Raises `Forbidden` (`sign_up_closed`, `invitation_needed`) for who may not make an account."""
    if settings.SIGN_UP == "closed":
        raise Forbidden("Nobody can sign up here now.", code="sign_up_closed")
    if settings.SIGN_UP == "invitation" and not _holding(invitation).exists():
        raise _needed()


def use_invitation(invitation: str) -> None:
    """The same, and counts: in the transaction that makes the account, so that no place is given twice."""
    require_invitation(invitation)
    if settings.SIGN_UP == "invitation" and not _holding(invitation).update(used=F("used") + 1):
        raise _needed()


def _holding(invitation: str) -> QuerySet[Invitation]:
    has_place = Q(most__isnull=True) | Q(used__lt=F("most"))
    return Invitation.objects.filter(
        has_place, digest=_digest(invitation), expires_at__gt=timezone.now(), revoked_at__isnull=True
    )


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _needed() -> Forbidden:
    return Forbidden(
        "Signing up takes an invitation: ask somebody who is here for its link.", code="invitation_needed"
    )


def _note(operator: User | None, row: Invitation, what: str) -> None:
    if operator is not None:
        note_deed(operator=operator, to=row, called=str(row), what=what)
