"""Owns telling, of each request with a page's session, on which of its owner's devices that is: see `queries/devices.py`.

Signing in, wherever it happens, leaves a session; so this looks at sessions, and no view has to think of it.
"""

import logging
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from messaging.actions.devices import SEEN_EVERY, begin_page_session, move_page_session, note_seen
from messaging.queries.devices import IN_SESSION

if TYPE_CHECKING:
    from messaging.models import User

logger = logging.getLogger("parley.devices")


class DeviceMiddleware(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> None:
        # A token that is shown is what counts, and is noted where it is looked up.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and "HTTP_AUTHORIZATION" not in request.META:
            _note(request, was_used=True)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Once more: the view may have signed somebody in, or given the session another key."""
        if request.session.accessed:
            _note(request, was_used=False)
        return response


def _note(request: HttpRequest, *, was_used: bool) -> None:
    try:
        # First: looking up who it is may give the session another key.
        if request.user.is_authenticated:
            _note_session(request, request.user, was_used=was_used)
    except (DatabaseError, InterfaceError) as error:
        # Whatever is asked for will say so better.
        logger.debug("A device was not noted: %r", error)


def _note_session(request: HttpRequest, user: "User", *, was_used: bool) -> None:
    session = request.session
    if session.session_key is None:
        session.save()
    key = cast(str, session.session_key)
    device_id, known_key = session.get(IN_SESSION, ("", ""))
    if not device_id:
        agent = request.headers.get("User-Agent", "")
        device_id = begin_page_session(user=user, session_key=key, agent=agent)
    elif known_key != key:
        move_page_session(device_id=device_id, session_key=key)
    elif was_used and caches["process"].add(f"seen:{device_id}", True, SEEN_EVERY.total_seconds()):
        note_seen(session_keys=[key])
    if known_key != key:
        session[IN_SESSION] = [device_id, key]
