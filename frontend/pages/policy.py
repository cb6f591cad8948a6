"""What browsers may do with our pages: run our own scripts and styles, talk to this server, and nothing else. And in
which letters they talk to us.
"""

from contextlib import suppress

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers, patch_cache_control
from django.utils.deprecation import MiddlewareMixin

PAGES = "pages"
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def is_ours(request: HttpRequest) -> bool:
    """Whether one of our views answers this; the admin and the API's pages have their own ideas."""
    match = request.resolver_match
    return match is not None and PAGES in match.app_names


def guard(request: HttpRequest, response: HttpResponseBase) -> None:
    """Gives one of our pages its policy. Nobody's page may come out of a cache that somebody else uses."""
    connect = "connect-src 'self'"
    with suppress(DisallowedHost):
        # Older Safaris do not take the socket for part of 'self'.
        connect += f" {'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    response["Content-Security-Policy"] = f"{POLICY}; {connect}"
    if response.has_header("Cache-Control"):
        return
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        add_never_cache_headers(response)
    else:
        patch_cache_control(response, no_cache=True, private=True)


class PagePolicyMiddleware(MiddlewareMixin):
    """Guards every answer of our views, and takes what is sent for UTF-8, whatever its sender calls it."""

    def process_request(self, request: HttpRequest) -> None:
        if request.encoding:
            request.encoding = "utf-8"

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if is_ours(request):
            guard(request, response)
        return response
