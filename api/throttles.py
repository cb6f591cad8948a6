"""How often one may ask: by account and by token, or by address without one. All requests of an address: `asgi_app`."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from messaging import limits

if TYPE_CHECKING:
    # REST framework's views import what the settings name, this module among it.
    from rest_framework.views import APIView


class RequestThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Raises `TooMany`, which says when to come back."""
        token: Any = request.auth
        address = limits.network_of(address_of(request))
        who = f"user:{request.user.pk}" if request.user.is_authenticated else f"address:{address}"
        count_request(token.id if token is not None else None, who)
        return True


def count_request(token_id: str | None, who: str) -> None:
    """One request of this account or address, by the device with this token. Raises `TooMany`."""
    if token_id is not None:
        # One program gone wild leaves the person's other devices something.
        limits.spend("token", token_id, per_minute=settings.TOKEN_REQUESTS_PER_MINUTE)
    limits.spend("request", who, per_minute=settings.REQUESTS_PER_MINUTE)


def address_of(request: Request) -> str:
    """The client's address; the server has already looked through the proxies it trusts. Never empty: who comes by a UNIX
    socket whose proxy says nothing is still somebody from outside.
    """
    address: str = request.META.get("REMOTE_ADDR") or "unknown"
    return address
