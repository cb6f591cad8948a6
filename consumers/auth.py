"""Who a live connection is: a token or a ticket, or the page's session cookie, or nobody."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.cookie import parse_cookie

from messaging.actions.accounts import TICKET_PREFIX, redeem_ticket
from messaging.errors import Unauthorized
from messaging.queries.credentials import Credential, credential_of_session, credential_of_token

if TYPE_CHECKING:
    from messaging.models import User


class Visitor:
    """Whoever a live connection is taken for: nobody until they have shown a credential."""

    __slots__ = ("credential",)

    def __init__(self) -> None:
        self.credential: Credential | None = None

    @property
    def user(self) -> "User | None":
        return self.credential.user if self.credential is not None else None

    @property
    def user_id(self) -> int | None:
        return self.credential.user.pk if self.credential is not None else None

    @property
    def username(self) -> str:
        return self.credential.user.username if self.credential is not None else ""

    def require_user(self) -> "User":
        """Raises `Unauthorized` for nobody."""
        if self.credential is None:
            raise Unauthorized("Sign in to write.")
        return self.credential.user


def credential_from(token: str, session_key: str | None) -> Credential | None:
    """None: anonymous. A token that is shown must be good; only without one does the page's cookie count.

    Raises `Unauthorized`, or `Expired` for what was good once.
    """
    if token:
        return credential_shown(token)
    return credential_of_session(session_key) if session_key else None


def credential_shown(token: str) -> Credential:
    """The credential of a device's token, or of a ticket, which is spent by this."""
    if token.startswith(TICKET_PREFIX):
        return redeem_ticket(ticket=token)
    return credential_of_token(token)


def is_device_token(token: str) -> bool:
    """Whether it can only be a device's token, which many may show at once."""
    return bool(token) and not token.startswith(TICKET_PREFIX)


def session_key_of(scope: Mapping[str, Any]) -> str | None:
    """The session cookie of a handshake, if it comes from a page that we trust with it.

    Only browsers send Origin. A cookie with a foreign one, or with none, is ignored, not refused: token clients may
    come from anywhere.
    """
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or not _is_ours(origin, headers.get(b"host", b"").decode("latin-1")):
        return None
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    return cookies.get(settings.SESSION_COOKIE_NAME)


def _is_ours(origin: str, host: str) -> bool:
    try:
        scheme, netloc = urlsplit(origin)[:2]
    except ValueError:  # half an IPv6 address, say
        return False
    if scheme == "http" and settings.HTTPS:
        return False  # a page that anybody on the way may have written
    return netloc.lower() == host.lower() or origin in settings.CSRF_TRUSTED_ORIGINS
