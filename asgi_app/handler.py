"""Owns Django under ASGI with one hop: a whole request is one job on a bounded pool of database threads.

Django's own handler hops to a fresh thread for each synchronous part of a request, and with every fresh thread comes
a fresh database connection. Here the signals, the middleware, the view and the reading of its response run in one go
on a thread that stays, with the connection that it keeps.

What a view may notice:
- `request_finished` is sent when the response is complete, not when the client has it all.
- A client that goes away does not cancel a view: what it began it ends, or half of a write would depend on a wire.
- A streaming response is produced on the pool, part by part, maybe on another thread each time: it must not keep a
  transaction open between two parts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted, RequestDataTooBig
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http import FileResponse, HttpResponse
from django.urls import set_script_prefix

from asgi_app import requests
from messaging.database import DatabaseThreads


class OneHopHandler(ASGIHandler):
    """An ASGI application for Django's part of the site."""

    def __init__(self, threads: DatabaseThreads, max_body_bytes: int) -> None:
        super().__init__()
        # The threads look after their connections; Django would ask each whether it lives with every request anew.
        for signal in (signals.request_started, signals.request_finished):
            signal.disconnect(close_old_connections)
        self.threads = threads
        self.max_body_bytes = max_body_bytes

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Django answers HTTP only, got {scope['type']!r}.")
        await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            self._check_length(scope)
            body = await self.read_body(receive)
        except RequestAborted:
            return
        except RequestDataTooBig:
            await self.send_response(_too_large(), send)
            return
        request_id = requests.begin(scope["headers"])
        answer = self.threads.submit(self.respond, scope, body, request_id, time.monotonic())
        try:
            response = await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(self._abandon)
            raise
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def respond(self, scope: Any, body: IO[bytes], request_id: str, began_at: float) -> Any:
        """The one hop. The response is complete and closed, unless it is streaming."""
        with requests.told(began_at) as told:
            request, response = self._respond(scope, body)
            told.ended(request, response)
        response[requests.HEADER] = request_id
        if response.streaming:
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            if not response.is_async:
                response.streaming_content = self._parts(iter(response.streaming_content))
        else:
            response.close()
        return response

    def _respond(self, scope: Any, body: IO[bytes]) -> tuple[Any, Any]:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, error = self.create_request(scope, body)
        if request is None:
            body.close()
            response: Any = error
        else:
            response = self.get_response(request)
            response._handler_class = self.__class__  # noqa: SLF001 - as Django's handlers do
        return request, response

    async def read_body(self, receive: Any) -> IO[bytes]:
        """Django's, with an end."""
        body = SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115 - the request's
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestAborted
                body.write(message.get("body", b""))
                if body.tell() > self.max_body_bytes:
                    raise RequestDataTooBig
                if not message.get("more_body", False):
                    break
            body.seek(0)
        except BaseException:
            body.close()
            raise
        return body

    def _check_length(self, scope: Any) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self.max_body_bytes:
                raise RequestDataTooBig

    async def _parts(self, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        while (part := await self.threads.run(next, parts, None)) is not None:
            yield part

    async def _stream(self, response: Any, receive: Any, send: Any) -> None:
        sending = asyncio.create_task(self.send_response(response, send))
        # Nothing but a disconnect can come now.
        leaving = asyncio.create_task(receive())
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self.threads.run(response.close)
        if not sending.cancelled():
            sending.result()

    def _abandon(self, answer: asyncio.Future[Any]) -> None:
        """Closes a streaming response that came after its request was given up."""
        if not answer.cancelled() and not answer.exception() and answer.result().streaming:
            self.threads.submit(answer.result().close)


def _too_large() -> HttpResponse:
    return HttpResponse(
        "413 Content Too Large\n", status=413, content_type="text/plain", headers={"Connection": "close"}
    )
