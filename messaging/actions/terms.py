"""Terms and privacy: published, and accepted by people, one version after the other."""

import re

from django.core.cache import caches
from django.db import transaction
from django.db.models import Max

from messaging.errors import Forbidden, Invalid
from messaging.models import Acceptance, TermsText, User
from messaging.queries.terms import Kind, Versions, versions_in_force

MAX_LENGTH = 100_000


def publish_terms(*, user: User, kind: Kind, language: str, text: str, ask_again: bool) -> TermsText:
    """Puts a text into force. `ask_again`: as a new version, which everybody is asked to accept; else it is the text of
    the version that there is in that language, added or corrected. Raises `Forbidden` for who may not.
    """
    if not user.has_perm("messaging.add_termstext"):
        raise Forbidden("Only whoever runs the site may do that.", code="not_yours")
    language, text = language.strip().lower(), text.replace("\r\n", "\n").strip()
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", language) or not text or len(text) > MAX_LENGTH:
        raise Invalid("A text has a language, such as en or pt-br, and says something.")
    with transaction.atomic():
        # Whoever publishes at the same moment waits here, or is refused by the constraint.
        last = TermsText.objects.filter(kind=kind).aggregate(last=Max("version"))["last"] or 0
        version = last + 1 if ask_again or not last else last
        row, _ = TermsText.objects.update_or_create(
            kind=kind, version=version, language=language, defaults={"text": text, "published_by": user}
        )
    caches["process"].delete("terms")
    return row


def accept_terms(*, user: User, terms: int, privacy: int, door: str) -> None:
    """Writes down that the user has accepted these versions. Raises `Invalid` (`unknown_version`) for one that there is
    not; what was in force once may be accepted, and then the present one is asked for.
    """
    now = versions_in_force()
    if not (0 <= terms <= now.terms and 0 <= privacy <= now.privacy):
        raise Invalid("There is no such version of the texts.", code="unknown_version")
    with transaction.atomic():
        Acceptance.objects.bulk_create(
            [
                Acceptance(user=user, kind="terms", version=terms, door=door),
                Acceptance(user=user, kind="privacy", version=privacy, door=door),
            ],
            ignore_conflicts=True,
        )
        user.accepted_terms = max(terms, user.accepted_terms or 0)
        user.accepted_privacy = max(privacy, user.accepted_privacy or 0)
        user.save(update_fields=["accepted_terms", "accepted_privacy"])


def shown(terms: int | None, privacy: int | None) -> Versions:
    """The versions that somebody was shown; those in force now, for who does not say."""
    now = versions_in_force()
    return Versions(now.terms if terms is None else terms, now.privacy if privacy is None else privacy)
