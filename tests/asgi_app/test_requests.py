"""What the log tells of requests and connections: an id to find their lines by, and neither secrets nor what people said."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from django.conf import settings

from tests.asgi_app.raw import RawSocket
from tests.conftest import PASSWORD
from tests.live_server import LiveServer
from tests.services import ROOT

Start = Callable[..., Awaitable[LiveServer]]

pytestmark = pytest.mark.django_db(transaction=True)

SAID = "the text that nobody may find in a log"


def lines_of(server: LiveServer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log_tail(1000).splitlines() if line.startswith("{")]


async def test_every_answer_names_its_lines_in_the_log(start_server: Start) -> None:
    server = await start_server(ACCESS_LOG="true", TRUSTED_PROXIES="1")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        own = await client.get("/api/chats/feed/messages/?secret=1")
        given = await client.get("/rooms/abc123/", headers={"X-Request-ID": "from-the-proxy-1"})
        made_up = await client.get("/", headers={"X-Request-ID": 'x" y'})
    assert given.headers["X-Request-ID"] == "from-the-proxy-1"
    assert len({own.headers["X-Request-ID"], made_up.headers["X-Request-ID"]}) == 2
    by_id = {line["request_id"]: line["event"] for line in lines_of(server) if "request_id" in line}
    assert by_id[own.headers["X-Request-ID"]].startswith("GET /api/chats/<chat_uri:uri>/messages/ 200 in ")
    assert by_id["from-the-proxy-1"].startswith("GET /rooms/<uri:uri>/ ")
    assert "abc123" not in server.log_tail(1000)
    assert "secret" not in server.log_tail(1000)


async def test_without_proxies_of_ours_a_strangers_id_is_not_taken(start_server: Start) -> None:
    server = await start_server()
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.get("/", headers={"X-Request-ID": "from-a-stranger"})
    assert answer.headers["X-Request-ID"] != "from-a-stranger"


async def test_even_the_most_talkative_log_tells_no_secret_and_nothing_said(
    start_server: Start, alice: Any, tmp_path: Path
) -> None:
    log = tmp_path / "logs" / "web.log"
    server = await start_server(
        LOG_LEVEL="DEBUG", ACCESS_LOG="true", LOG_FILE=str(log), METRICS_TOKEN="a-secret-4711"
    )
    secrets = [PASSWORD, SAID, "a-secret-4711", str(settings.SECRET_KEY)]
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.post("/auth/token/login/", json={"username": "alice", "password": PASSWORD})
        token = answer.json()["auth_token"]
        client.headers["Authorization"] = f"Token {token}"
        await client.post("/api/chats/feed/messages/", json={"text": SAID})
        ticket = (await client.post("/api/socket-tickets/")).json()["ticket"]
        await client.get("/metrics", headers={"Authorization": "Bearer a-secret-4711"})
        await client.post("/auth/users/reset_password/", json={"email": "alice@example.org"})
        await client.get("/password/reset/confirm/MQ/a-reset-token-0815/")
    secrets += [token, ticket, "a-reset-token-0815"]
    with RawSocket(server.port, "/connection/websocket") as socket:
        assert "error" not in socket.ask(json.dumps({"id": 1, "connect": {"token": ticket}}))
        assert "error" not in socket.ask(
            json.dumps({"id": 2, "publish": {"channel": "chat.feed", "data": {"text": SAID}}})
        )
        assert "error" in socket.ask(
            json.dumps({"id": 3, "rpc": {"method": "message.post", "data": {"text": SAID}}})
        )
    await server.terminate()
    for place in (server.log_tail(5000), log.read_text()):
        assert "GET" in place
        assert [secret for secret in secrets if secret in place] == []


async def test_a_connections_lines_carry_its_id(start_server: Start) -> None:
    server = await start_server(LOG_LEVEL="DEBUG")
    with RawSocket(server.port, "/connection/websocket") as socket:
        client = socket.ask('{"id":1,"connect":{}}')["connect"]["client"]
    await server.terminate()
    events = [line["event"] for line in lines_of(server) if line.get("connection_id") == client]
    assert events == ["connected as None"]


def test_the_file_is_renewed_at_5_mb(tmp_path: Path) -> None:
    code = """
import asgi_app.boot, logging
for _ in range(1200):
    logging.getLogger("parley").warning("x" * 10_000)
"""
    file = tmp_path / "log"
    assert run(code, LOG_FILE=str(file)).returncode == 0
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"log", "log.1", "log.2"}
    assert max(sizes.values()) <= 5 * 1024 * 1024
    json.loads(file.read_text().splitlines()[0])


class Collector:
    """Whoever is told: takes what is sent to it, and keeps it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def collector() -> Any:
    collector = Collector()
    yield collector
    collector.close()


def test_sentry_is_told_of_an_error_and_of_nothing_said(collector: Collector) -> None:
    code = """
import asgi_app.boot, logging, os, sentry_sdk
text = os.environ["SAID"]
try:
    raise RuntimeError("a defect")
except RuntimeError:
    logging.getLogger("parley").exception("It broke.")
sentry_sdk.flush(5)
"""
    done = run(code, SENTRY_DSN=f"http://key@{collector.address}/1", SAID=SAID)
    assert done.returncode == 0, done.stderr
    told = b"".join(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in collector.bodies)
    assert b"It broke." in told
    assert SAID.encode() not in told


async def test_a_collector_is_told_of_routes(start_server: Start, collector: Collector) -> None:
    server = await start_server(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{collector.address}")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        await client.get("/rooms/abc123/")
    await server.terminate()
    told = b"".join(collector.bodies)
    assert b"/rooms/<uri:uri>/" in told
    assert b"abc123" not in told


@pytest.mark.parametrize(
    ("setting", "package"), [("SENTRY_DSN", "sentry_sdk"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry")]
)
def test_what_is_set_and_not_installed_is_a_sentence(setting: str, package: str) -> None:
    done = run(
        f"import sys; sys.modules[{package!r}] = None; import asgi_app.boot",
        **{setting: "http://k@localhost/1"},
    )
    assert done.returncode == 1
    assert f"{setting} is set, but {package}" in done.stderr.splitlines()[-1]


def test_neither_is_installed_by_default() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "sentry-sdk" not in lock
    assert "opentelemetry" not in lock
