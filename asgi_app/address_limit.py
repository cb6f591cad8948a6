"""Owns how often one address may ask Django for anything, before anything else is done about it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from api.errors import explain
from api.rendering import AnswerRenderer, encode
from messaging import limits
from messaging.errors import TooMany


class AddressLimitMiddleware(MiddlewareMixin):
    """Outermost, so that what is refused costs next to nothing; hence a line of text, not a page. Programs are told as
    they are told everything.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        address = limits.countable(str(request.META.get("REMOTE_ADDR", "")))
        if not address:
            return None
        try:
            limits.spend("address", address, per_minute=settings.ADDRESS_REQUESTS_PER_MINUTE)
        except TooMany as refusal:
            if request.path_info.startswith(("/api/", "/auth/")):
                _, problem, headers = explain(refusal)
                return HttpResponse(
                    encode(problem), status=429, content_type=AnswerRenderer.media_type, headers=headers
                )
            return HttpResponse(
                f"{refusal.sentence}\n",
                status=429,
                content_type="text/plain; charset=utf-8",
                headers={"Retry-After": str(round(refusal.retry_after_s or 1))},
            )
        return None
