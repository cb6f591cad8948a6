"""The app: one page for all its addresses, and the service worker that keeps it. Its files are static ones."""

from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from frontend.pages.errors import error_page

BUILT = "app"


def app(request: HttpRequest) -> HttpResponse:
    """The page that the app starts from, whatever address it is opened at."""
    return _file(request, "index.html", "text/html; charset=utf-8")


def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: it may look after the pages that are beneath its own address."""
    return _file(request, "sw.js", "text/javascript; charset=utf-8")


def _file(request: HttpRequest, name: str, content_type: str) -> HttpResponse:
    # Those that were collected: they name the static files that were collected with them.
    file = Path(settings.STATIC_ROOT) / BUILT / name
    if not file.is_file():
        return error_page(request, HTTPStatus.SERVICE_UNAVAILABLE, "The app has not been built here yet.")
    response = HttpResponse(file.read_bytes(), content_type=content_type)
    # Asked for anew each time: it is by this that browsers learn of a new version.
    response["Cache-Control"] = "no-cache"
    return response
