"""Django views for the handler's tests; what they notice is in `noticed`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt

from messaging.queries.positions import epoch

noticed: list[Any] = []
go = threading.Event()

SEEN_META = (
    "REMOTE_ADDR",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_NAME",
    "CONTENT_TYPE",
    "HTTP_X_TWICE",
)


def thread_noticing_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        noticed.append(("middleware", threading.current_thread().name))
        return get_response(request)

    return middleware


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    response = JsonResponse(
        {
            "method": request.method,
            "meta": {name: request.META.get(name) for name in SEEN_META},
            "cookies": request.COOKIES,
            "get": dict(request.GET.lists()),
            "post": dict(request.POST.lists()),
            "files": [name for name, _ in request.FILES.lists()],
            "body": None if request.FILES or request.POST else request.body.decode("latin-1"),
            "secure": request.is_secure(),
            "here": reverse("echo"),
        }
    )
    response.set_cookie("one", "1", httponly=True)
    response.set_cookie("two", "2")
    response["X-Header"] = "grün".encode("latin-1").decode("latin-1")
    return response


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


def elsewhere(request: HttpRequest) -> HttpResponseBase:
    return redirect("echo")


def large(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"x" * 200_000)


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes | str]:
        try:
            for number in range(5):
                noticed.append(("part", threading.current_thread().name))
                yield b"part %d " % number
            yield "grüße"
        finally:
            noticed.append(("closed", threading.current_thread().name))

    return StreamingHttpResponse(parts())


def endless(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        try:
            while True:
                yield b"again"
        finally:
            noticed.append("closed")

    return StreamingHttpResponse(parts())


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("midway")

    return StreamingHttpResponse(parts())


async def async_view(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(b"asynchronous")


async def async_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield b"%d" % number

    return StreamingHttpResponse(parts())


def slow(request: HttpRequest) -> HttpResponse:
    noticed.append("began")
    go.wait(10)
    noticed.append("ended")
    return HttpResponse(b"slow")


def slow_endless(request: HttpRequest) -> StreamingHttpResponse:
    slow(request)
    return endless(request)


def database(request: HttpRequest) -> JsonResponse:
    epoch()
    return JsonResponse({"connection": id(connection.connection)})


urlpatterns = [
    path("echo/", echo, name="echo"),
    *(
        path(f"{view.__name__}/", view)
        for view in (
            *(fail, missing, forbidden, suspicious, elsewhere, large, file, stream, endless, broken_stream),
            *(async_view, async_stream, slow, slow_endless, database),
        )
    ),
]
