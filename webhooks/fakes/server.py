"""What the fakes share: an HTTP server on a thread, faults on demand, and the calls that they make to a webhook."""

import contextlib
import itertools
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message as EmailMessage
from email.parser import BytesParser
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

CALL_WITHIN_S = 10.0
AGAIN_AFTER_S = 0.3
SLOW_S = 30.0


@dataclass(frozen=True)
class Asked:
    """A request as it came: parameters of its query and body, whatever their form; `files` by field: name and content."""

    method: str
    path: str
    params: dict[str, Any]
    files: dict[str, tuple[str, bytes]]
    headers: Mapping[str, str]
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Reply:
    status: int
    content: bytes
    content_type: str = "application/json"
    wait_s: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong: `429`, `403`, `500`, `slow` or `html`, for calls to `method` (all without one)."""

    kind: str
    method: str = ""
    retry_after_s: int = 1
    wait_s: float = SLOW_S
    is_done: bool = False
    """Whether what was asked is done all the same, before it goes wrong."""


@dataclass(frozen=True)
class Knock:
    """A call to a webhook."""

    body: bytes
    headers: dict[str, str]


def as_json(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


class FakeServer(ABC):
    """A platform's server. Use it as a context manager, or `close` it."""

    def __init__(self, port: int = 0) -> None:
        self.lock = threading.RLock()
        self.asked: list[Asked] = []
        """Everything that was asked, in order."""
        self.faults: deque[Fault] = deque()
        self.choose_fault: Callable[[str], Fault | None] = lambda method: None
        """For faults at random: is asked with each method."""
        self.webhook_url = ""
        self.answers: list[int] = []
        """The statuses that the webhook has answered with."""
        self.numbers = itertools.count(1)
        self._knocks: deque[Knock] = deque()
        self._knocking = threading.Condition(self.lock)
        self._is_open = True
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler_for(self))
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        # It looks so often whether it is to end.
        serve = partial(self._http.serve_forever, poll_interval=0.02)
        for work in (serve, self._knock_on):
            threading.Thread(target=work, name=type(self).__name__, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        with self._knocking:
            self._is_open = False
            self._knocking.notify_all()
        self._http.shutdown()
        self._http.server_close()

    # In

    @abstractmethod
    def method_of(self, asked: Asked) -> str:
        """What faults and people call it."""

    @abstractmethod
    def respond(self, asked: Asked) -> Reply:
        """Under the lock."""

    @abstractmethod
    def refusal(self, fault: Fault) -> Reply:
        """How this platform says 429, 403 and 500."""

    def fail(self, kind: str, *, times: int = 1, **details: Any) -> None:
        """The next `times` calls go wrong; see `Fault`."""
        self.faults.extend([Fault(kind, **details)] * times)

    def reply_to(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            fault = self._fault_for(self.method_of(asked))
            if fault is None:
                return self.respond(asked)
            done = self.respond(asked) if fault.is_done else None
        match fault.kind:
            case "slow":
                late = done or self.refusal(Fault("500"))
                return Reply(late.status, late.content, wait_s=fault.wait_s)
            case "html":
                return Reply(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
        return self.refusal(fault)

    def _fault_for(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in {"", method}:
                self.faults.remove(fault)
                return fault
        return self.choose_fault(method)

    # Out

    def knock(self, knock: Knock) -> None:
        """Calls the webhook, after what is waiting; without one it waits for `take_knocks`."""
        with self._knocking:
            self._knocks.append(knock)
            self._knocking.notify_all()

    def take_knocks(self) -> list[Knock]:
        """Those that nobody has been called with: for who brings them to the webhook by another way."""
        with self.lock:
            taken = list(self._knocks)
            self._knocks.clear()
        return taken

    def _knock_on(self) -> None:
        """Brings one after the other, each until it is taken, as platforms do."""
        with httpx.Client(trust_env=False, timeout=CALL_WITHIN_S) as client:
            while True:
                with self._knocking:
                    while self._is_open and not (self._knocks and self.webhook_url):
                        self._knocking.wait()
                    if not self._is_open:
                        return
                    knock, url = self._knocks[0], self.webhook_url
                status = 0
                with contextlib.suppress(httpx.HTTPError):
                    status = client.post(url, content=knock.body, headers=knock.headers).status_code
                with self._knocking:
                    self.answers.append(status)
                    is_taken = 200 <= status < 300
                    if is_taken and self._knocks and self._knocks[0] is knock:
                        self._knocks.popleft()
                    if not is_taken:
                        self._knocking.wait(AGAIN_AFTER_S)


def _handler_for(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _serve(self) -> None:
            reply = fake.reply_to(_asked(self.command, self.path, self.headers, self._body()))
            if reply.wait_s:
                time.sleep(reply.wait_s)
            with contextlib.suppress(ConnectionError):
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(reply.content)))
                self.end_headers()
                self.wfile.write(reply.content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while length := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            while self.rfile.readline().strip():
                continue
            return body

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nothing: paths have tokens in them."""

    return Handler


def _asked(method: str, target: str, headers: EmailMessage, body: bytes) -> Asked:
    parts = urlsplit(target)
    params: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    files: dict[str, tuple[str, bytes]] = {}
    kind = headers.get_content_type()
    if kind == "application/json" and body:
        found = json.loads(body)
        params |= found if isinstance(found, dict) else {}
    elif kind == "application/x-www-form-urlencoded":
        params |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    elif kind == "multipart/form-data":
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        for part in BytesParser().parsebytes(head + body).walk():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if not isinstance(name, str) or not isinstance(content, bytes):
                continue
            if (filename := part.get_filename()) is not None:
                files[name] = (filename, content)
            else:
                params[name] = content.decode()
    return Asked(
        method, unquote(parts.path), params, files, {key.lower(): value for key, value in headers.items()}
    )
