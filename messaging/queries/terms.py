"""The terms and the privacy text that hold now, in the reader's language, and who has still to accept them."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from django.conf import settings
from django.core.cache import caches
from django.db.models import Max

from messaging.events import Shape
from messaging.models import TermsText, User

Kind = Literal["terms", "privacy"]

LANGUAGE = "en"
"""Of the texts that come along, and what is shown to whoever reads none of those there are."""

REMEMBERED_S = 10.0
_DATA = Path(__file__).parents[1] / "data"


class Terms(Shape):
    """One of the texts: `version` 0 came along with Parley. Blank lines part paragraphs; `# ` begins a heading."""

    kind: Kind
    version: int
    language: str
    text: str


class Versions(NamedTuple):
    """Of the terms and of the privacy text."""

    terms: int
    privacy: int


def versions_in_force() -> Versions:
    """As they are now."""
    rows = dict(TermsText.objects.values_list("kind").annotate(last=Max("version")))
    return Versions(rows.get("terms", 0), rows.get("privacy", 0))


def versions_lately() -> Versions:
    """As they were at most ten seconds ago: what is asked at every page."""
    cache = caches["process"]
    known: Versions | None = cache.get("terms")
    if known is None:
        known = versions_in_force()
        cache.set("terms", known, REMEMBERED_S)
    return known


def has_still_to_accept(user: User) -> bool:
    """Whether something has been published here that the user has not accepted. Nobody is asked about what came along."""
    terms, privacy = versions_lately()
    return (user.accepted_terms or 0) < terms or (user.accepted_privacy or 0) < privacy


def terms_in_force(kind: Kind, languages: Iterable[str] = ()) -> Terms:
    """In the first of the reader's `languages` that there is."""
    last = TermsText.objects.filter(kind=kind).order_by("-version").values("version")[:1]
    texts = {
        row.language: row for row in TermsText.objects.filter(kind=kind, version__in=last).order_by("pk")
    }
    if not texts:
        return Terms(kind=kind, version=0, language=LANGUAGE, text=_brought_along(kind))
    wanted = (part for each in languages for part in (each.lower(), each.lower().partition("-")[0]))
    row = next((texts[each] for each in (*wanted, LANGUAGE) if each in texts), next(iter(texts.values())))
    return Terms(kind=kind, version=row.version, language=row.language, text=row.text)


@cache
def _brought_along(kind: Kind) -> str:
    return (_DATA / f"{kind}.txt").read_text().replace("{domain}", settings.WEB_DOMAIN)
