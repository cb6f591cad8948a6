"""How often one may ask: by account, or by address without one."""

from typing import TYPE_CHECKING

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
        who = f"user:{request.user.pk}" if request.user.is_authenticated else f"address:{address_of(request)}"
        limits.spend("request", who, per_minute=settings.REQUESTS_PER_MINUTE)
        return True


def address_of(request: Request) -> str:
    """The client's address; the server has already looked through the proxies it trusts."""
    address: str = request.META.get("REMOTE_ADDR", "")
    return address
