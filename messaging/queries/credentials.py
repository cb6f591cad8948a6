"""Whose credentials these are, and whether they still hold: tokens, tickets and page sessions."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from knox.crypto import hash_token

from messaging.errors import Expired, Unauthorized
from messaging.models import Token, User
from messaging.prepared import Prepared

Kind = Literal["token", "session"]

_WITH_DIGEST = Prepared(lambda digests: Token.objects.filter(digest__in=digests).select_related("user"))


@dataclass(frozen=True)
class Credential:
    """Proof of who a live connection is. `key` finds it again: a token's digest or a session's key.

    `expires_at` of a connection that a ticket opened is the moment by which it must show a new one (`renewable`).
    """

    kind: Kind
    key: str
    user: User
    expires_at: datetime | None
    renewable: bool = False


def live_token(token: str) -> Token:
    """The token's row, with its user. Raises `Unauthorized` for an unknown or revoked one, `Expired` for one that has run
    out.
    """
    return _require_live(next(iter(_WITH_DIGEST.rows(list(filter(None, [_digest(token)])))), None))


def credential_of_token(token: str) -> Credential:
    """Raises like `live_token`."""
    return _credential_of(live_token(token))


def live_tokens(tokens: Collection[str]) -> dict[str, Token | Unauthorized]:
    """For each token what `live_token` returns or raises; one query for all."""
    digests = {token: _digest(token) for token in tokens}
    rows = {row.digest: row for row in _WITH_DIGEST.rows(set(filter(None, digests.values())))}
    return {token: _live_or_error(rows.get(digest)) for token, digest in digests.items()}


def credentials_of_tokens(tokens: Collection[str]) -> dict[str, Credential | Exception]:
    """For each token what `credential_of_token` returns or raises; one query for all."""
    return {
        token: row if isinstance(row, Exception) else _credential_of(row)
        for token, row in live_tokens(tokens).items()
    }


def _digest(token: str) -> str:
    """What a token is found by; empty for what cannot be one."""
    digest: str = hash_token(token) if token.isascii() and token.isalnum() else ""
    return digest


def _require_live(row: Token | None) -> Token:
    if row is None:
        raise Unauthorized("The token is not known.")
    if row.expiry is not None and row.expiry <= timezone.now():
        raise Expired("The token has expired.")
    if not row.user.is_active:
        raise Unauthorized("The account is not active.")
    return row


def _credential_of(row: Token) -> Credential:
    return Credential("token", row.digest, row.user, row.expiry)


def _live_or_error(row: Token | None) -> Token | Unauthorized:
    try:
        return _require_live(row)
    except Unauthorized as error:
        return error


def credential_of_session(session_key: str) -> Credential | None:
    """The signed-in person behind a page's session cookie, if there is one.

    Only looks: Django's `get_user` ends a session that does not hold, and gives one from before the secret's rotation
    another key, of which only an answer over HTTP could tell the browser.
    """
    row = Session.objects.filter(session_key=session_key, expire_date__gt=timezone.now()).first()
    data = row.get_decoded() if row is not None else {}
    user = User.objects.filter(pk=data.get(SESSION_KEY, 0), is_active=True).first()
    if row is None or user is None or not session_holds(row, user):
        return None
    return Credential("session", session_key, user, row.expire_date)


def session_holds(row: Session, user: User) -> bool:
    """Whether the user is signed in by it: the password, the second factor and the secret are those it began with."""
    data = row.get_decoded()
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return data.get(SESSION_KEY) == str(user.pk) and any(
        constant_time_compare(data.get(HASH_SESSION_KEY, ""), each) for each in hashes
    )


def credential_with_key(kind: Kind, key: str) -> Credential | None:
    """The token or the page session that this key finds again, if it still holds."""
    if kind == "session":
        return credential_of_session(key)
    try:
        return _credential_of(_require_live(next(iter(_WITH_DIGEST.rows([key])), None)))
    except Unauthorized:
        return None


def holder_of(credential: Credential) -> User | None:
    """Whose it is, as they are now; None if a live connection opened with it may not stay open. Asked again after
    anything that bears on it.
    """
    current = credential_with_key(credential.kind, credential.key)
    return current.user if current is not None and current.user == credential.user else None


def ticket_digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
