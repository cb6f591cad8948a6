"""Devices: where somebody is signed in, by a token or on the pages; when each was last seen; and signing them out."""

import secrets
from collections.abc import Collection
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from knox.settings import knox_settings

from messaging.actions.credentials import access_changed
from messaging.agents import called
from messaging.errors import NotFound
from messaging.models import PageSession, Token, User

SEEN_EVERY = timedelta(minutes=5)
"""A device is written down as seen at most so often, however many processes see it."""


def note_token_seen(*, token: Token) -> None:
    """To be told of every request that shows the token; writes once in `SEEN_EVERY`."""
    if token.seen_at is None or timezone.now() - token.seen_at >= SEEN_EVERY:
        note_seen(digests=[token.digest])


def note_seen(*, digests: Collection[str] = (), session_keys: Collection[str] = ()) -> None:
    """The tokens with these digests and the pages' sessions with these keys have been used just now: that is written
    down where the last note is older than `SEEN_EVERY`, and puts off the end of the tokens.
    """
    now = timezone.now()
    stale = Q(seen_at__isnull=True) | Q(seen_at__lte=now - SEEN_EVERY)
    if digests:
        tokens = Token.objects.filter(stale, digest__in=digests)
        tokens.update(seen_at=now, expiry=now + knox_settings.TOKEN_TTL)
    if session_keys:
        PageSession.objects.filter(stale, session_key__in=session_keys).update(seen_at=now)


def begin_page_session(*, user: User, session_key: str, agent: str) -> str:
    """Writes down that the user has signed in on the pages, in a browser that calls itself `agent`. Returns the
    device's id; the same when it was written down before.
    """
    row, _ = PageSession.objects.get_or_create(
        session_key=session_key,
        defaults={
            "id": secrets.token_hex(8),
            "user": user,
            "name": called(agent)[:100],
            "seen_at": timezone.now(),
        },
    )
    return row.id


def move_page_session(*, device_id: str, session_key: str) -> None:
    """The session goes on under another key: Django gives it one with a new password or secret."""
    PageSession.objects.filter(pk=device_id).update(session_key=session_key)


def end_page_session(*, user: User, device_id: str) -> None:
    """Somebody has logged out of the pages: the live connections of that session close."""
    with transaction.atomic():
        PageSession.objects.filter(user=user, pk=device_id).delete()
        access_changed(user)


def revoke_device(*, user: User, device_id: str) -> None:
    """Signs one device out; its live connections close. Raises `NotFound` for one that is not the user's."""
    with transaction.atomic(durable=True):
        gone = _sign_out(user, tokens=Q(token_key=device_id), page_sessions=Q(pk=device_id))
        if not gone:
            raise NotFound("There is no such device.", code="no_such_device")
        access_changed(user)


def revoke_other_devices(*, user: User, current: str) -> int:
    """Signs every device out but the one with the id `current`; returns how many."""
    with transaction.atomic(durable=True):
        gone = _sign_out(user, tokens=~Q(token_key=current), page_sessions=~Q(pk=current))
        access_changed(user)
    return gone


def forget_devices(user: User) -> None:
    """All of them, in the transaction of whoever deletes the account."""
    _sign_out(user, tokens=Q(), page_sessions=Q())


def _sign_out(user: User, *, tokens: Q, page_sessions: Q) -> int:
    gone: int = Token.objects.filter(tokens, user=user).delete()[0]
    browsers = PageSession.objects.filter(page_sessions, user=user)
    Session.objects.filter(session_key__in=list(browsers.values_list("session_key", flat=True))).delete()
    return gone + browsers.delete()[0]


def prune_page_sessions() -> int:
    """Forgets browsers whose session is over. Returns how many."""
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    # One that is beginning has its row before its session is saved.
    settled = PageSession.objects.filter(created_at__lt=timezone.now() - timedelta(hours=1))
    return settled.filter(~Exists(alive)).delete()[0]
