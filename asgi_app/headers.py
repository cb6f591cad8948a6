"""Owns the headers that every answer of Django's carries, whichever door made it. Our own pages have set a stricter
policy of their own by then (`frontend/pages/policy.py`).
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

POLICY = "Content-Security-Policy"
NOTHING = "default-src 'none'; frame-ancestors 'none'"
OURS = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
# REST framework's browsable API and Swagger's page begin with a script between their tags; what people have said is
# never in those pages but as text.
BROWSABLE = f"{OURS}; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class HeadersMiddleware(MiddlewareMixin):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault(POLICY, _policy(request, response))
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("X-Frame-Options", "DENY")
        # Swagger's page asks for less, for log-ins in another window, which there are none of here.
        response["Cross-Origin-Opener-Policy"] = "same-origin"
        return response


def _policy(request: HttpRequest, response: HttpResponseBase) -> str:
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return NOTHING
    return BROWSABLE if request.path_info.startswith("/api/") else OURS
