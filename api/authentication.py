"""Who is asking: a device's token in the header, or a page's session with its CSRF token."""

from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from messaging.actions.devices import note_token_seen
from messaging.errors import Unauthorized
from messaging.queries.credentials import live_token


class DeviceTokenAuthentication(TokenAuthentication):
    """`Authorization: Token …`, knox's tokens looked up in one query. `token_of(request)` is the token's row."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        try:
            row = live_token(token.decode("ascii", errors="replace"))
        except Unauthorized as error:
            raise AuthenticationFailed(error.sentence, code=error.code) from None
        note_token_seen(token=row)
        return row.user, row


class PageSessionAuthentication(SessionAuthentication):
    """The session cookie of our own pages; with it, whatever writes needs the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(str(error.detail), code="csrf_failed") from None
