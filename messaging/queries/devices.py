"""Where somebody is signed in."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from messaging.events import Moment, Shape
from messaging.models import PageSession, Token, User
from messaging.queries.credentials import Kind, session_holds

IN_SESSION = "device"
"""Where a page's session has its device's id, and the key that it had when that was written."""


class Device(Shape):
    """Something that is signed in: an app or program by a `token`, or a browser by a page's `session`. `id` names it
    without opening anything; `seen_at` is when it was last used, to within five minutes.
    """

    id: str
    kind: Kind
    name: str
    created_at: Moment
    seen_at: Moment | None
    expires_at: Moment | None
    current: bool


def device_of_session(session: Mapping[str, Any]) -> str:
    """The id of the device that a page's session is; empty if it has none."""
    known = session.get(IN_SESSION)
    return str(known[0]) if known else ""


def devices_of(user: User, *, current: str = "") -> list[Device]:
    """The one with the id `current` first, then as they were last seen."""
    devices = [*_tokens_of(user, current), *_browsers_of(user, current)]
    return sorted(
        devices, key=lambda device: (device.current, device.seen_at or device.created_at), reverse=True
    )


def _tokens_of(user: User, current: str) -> Iterator[Device]:
    for token in Token.objects.filter(user=user, expiry__gt=timezone.now()):
        yield Device(
            id=token.id,
            kind="token",
            name=token.name,
            created_at=token.created,
            seen_at=token.seen_at,
            expires_at=token.expiry,
            current=token.id == current,
        )


def _browsers_of(user: User, current: str) -> Iterator[Device]:
    """Those whose sessions still hold: a new password, say, ends them without a word to us."""
    browsers = {row.session_key: row for row in PageSession.objects.filter(user=user)}
    for session in Session.objects.filter(session_key__in=list(browsers), expire_date__gt=timezone.now()):
        browser = browsers[session.session_key]
        if session_holds(session, user):
            yield Device(
                id=browser.id,
                kind="session",
                name=browser.name,
                created_at=browser.created_at,
                seen_at=browser.seen_at,
                expires_at=session.expire_date,
                current=browser.id == current,
            )
