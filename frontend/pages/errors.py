"""Refusals as people see them: the one place that maps the core's errors to pages, and the site's error pages."""

from http import HTTPStatus

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin

from frontend.pages.policy import guard, is_ours
from messaging.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ParleyError,
    TooMany,
    Unauthorized,
    Unavailable,
)

STATUSES: dict[type[ParleyError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
TITLES = {
    HTTPStatus.BAD_REQUEST: "That did not make sense",
    HTTPStatus.UNAUTHORIZED: "You are not signed in",
    HTTPStatus.FORBIDDEN: "That is not yours to do",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.METHOD_NOT_ALLOWED: "That is not a page",
    HTTPStatus.CONFLICT: "That cannot be done now",
    HTTPStatus.TOO_MANY_REQUESTS: "Slow down a little",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke",
    HTTPStatus.SERVICE_UNAVAILABLE: "One moment, please",
}


def status_of(error: ParleyError) -> HTTPStatus:
    """The HTTP status that says what the error says."""
    return next(status for kind, status in STATUSES.items() if isinstance(error, kind))


def error_page(request: HttpRequest, status: HTTPStatus, sentence: str, *, kept: str = "") -> HttpResponse:
    """A page in the site's look. `kept`: what somebody wrote and could not be posted, to be copied."""
    context = {"status": status.value, "title": TITLES[status], "sentence": sentence, "kept": kept}
    return render(request, "pages/error.html", context, status=status)


def answer(request: HttpRequest, error: ParleyError, *, kept: str = "") -> HttpResponse:
    """The page for an error that no form could show beside a field."""
    response = error_page(request, status_of(error), error.sentence, kept=kept)
    if error.retry_after_s is not None:
        response["Retry-After"] = str(round(error.retry_after_s))
    return response


class ErrorPageMiddleware(MiddlewareMixin):
    """Answers for our views when they are refused something, or the database cannot be reached."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_ours(request):
            return None
        if isinstance(exception, Unauthorized) and request.method in ("GET", "HEAD"):
            return redirect_to_login(request.get_full_path())
        if isinstance(exception, ParleyError):
            return answer(request, exception)
        if isinstance(exception, OperationalError | InterfaceError):  # an outage, or a lock not got in time
            return _page_without_database(
                HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer. Try again in a moment."
            )
        return None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = str(exception) if isinstance(exception, BadRequest) else "The request was malformed."
    return _guarded(request, error_page(request, HTTPStatus.BAD_REQUEST, sentence))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _guarded(request, error_page(request, HTTPStatus.FORBIDDEN, "You may not see this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _guarded(
        request, error_page(request, HTTPStatus.NOT_FOUND, "Nobody is here, and nothing was said.")
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _page_without_database(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "It is our fault, and it has been written down. Try again in a moment.",
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Mostly a page that was open while its reader signed in or out in another window."""
    response = error_page(
        request,
        HTTPStatus.FORBIDDEN,
        "This form was out of date: you have signed in or out since the page was loaded. Go back, reload, try again.",
        kept=request.POST.get("text", ""),
    )
    return _guarded(request, response)


def not_a_page(request: HttpRequest) -> HttpResponse:
    """For the address of a form that somebody has opened."""
    sentence = "This address takes what a form sends; there is nothing to see."
    return error_page(request, HTTPStatus.METHOD_NOT_ALLOWED, sentence)


def _page_without_database(status: HTTPStatus, sentence: str) -> HttpResponse:
    """Renders without a request: looking up who is signed in would ask the database again."""
    context = {"status": status.value, "title": TITLES[status], "sentence": sentence}
    return HttpResponse(render_to_string("pages/error.html", context), status=status)


def _guarded(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Answers of the site's handlers belong to no view, so the policy does not reach them by itself."""
    guard(request, response)
    return response
