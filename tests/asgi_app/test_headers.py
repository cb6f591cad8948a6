"""Every answer forbids what browsers need not do with it: pages, the admin, the API, errors, files and redirects."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from django.core.checks import run_checks
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from messaging.actions.chats import create_room
from messaging.actions.messages import post_message
from messaging.models import User
from tests.conftest import PASSWORD
from tests.live_server import LiveServer
from tests.services import ROOT

KNOWN = {
    "uri": "feed",
    "number": "1",
    "message_number": "1",
    "chat_uri": "feed",
    "username": "alice",
    "device": "0" * 15,
}


def paths_of(patterns: list[Any], prefix: str = "") -> list[str]:
    """Every path there is, with something that exists in its blanks."""
    found: list[str] = []
    for each in patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            found += paths_of(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            filled = re.sub(r"<(?:(\w+):)?(\w+)>", lambda match: KNOWN.get(match[1] or match[2], "1"), route)
            found.append("/" + re.sub(r"[\^$?\\]|\(.*", "", filled))
    return found


@pytest.fixture
def https(settings: LazySettings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True


@pytest.fixture
def built_app(settings: LazySettings, tmp_path: Path) -> Path:
    """As small an app as there can be, collected: its page, and its service worker."""
    settings.STATIC_ROOT = tmp_path
    app = tmp_path / "app"
    app.mkdir()
    (app / "index.html").write_text("<!doctype html><title>Parley</title>")
    (app / "sw.js").write_text("self.skipWaiting();")
    return app


def assert_guarded(answer: Any, path: str) -> None:
    headers = answer.headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["frame-ancestors"] == "'none'", path
    assert policy["default-src"] in ("'self'", "'none'"), path
    assert ("unsafe" in str(policy)) <= path.startswith("/api/"), path
    assert headers["X-Frame-Options"] == "DENY", path
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["Referrer-Policy"] == "same-origin", path
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert "camera=()" in headers["Permissions-Policy"], path
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains", path


@pytest.mark.usefixtures("https", "built_app")
def test_every_page_of_every_door(alice: User) -> None:
    root = User.objects.create_superuser("root", "", PASSWORD)
    create_room(user=root)
    post_message(user=alice, chat="feed", text="hello")
    paths = [path for path in paths_of(get_resolver().url_patterns) if "logout" not in path]
    assert len(paths) > 80
    seen: set[int] = set()
    for user in (None, alice, root):
        client = Client(raise_request_exception=False)
        if user is not None:
            client.force_login(user)
        for path in [*paths, "/nowhere/", "/api/nowhere/"]:
            answer = client.get(path, secure=True, headers={"Accept": "text/html"})
            seen.add(answer.status_code)
            assert answer.status_code < 500, path
            assert_guarded(answer, path)
    assert seen >= {200, 302, 404}


@pytest.mark.usefixtures("https")
def test_the_page_that_says_that_there_is_no_app(db: None, built_app: Path) -> None:
    for path, file in (("/app/", "index.html"), ("/app/chats/feed", "index.html"), ("/app/sw.js", "sw.js")):
        assert_guarded(answer := Client().get(path, secure=True), path)
        assert answer.content == (built_app / file).read_bytes()
    for built in built_app.iterdir():
        built.unlink()
    for path in ("/app/", "/app/sw.js"):
        assert_guarded(answer := Client(raise_request_exception=False).get(path, secure=True), path)
        assert answer.status_code == 503


@pytest.mark.django_db(transaction=True)
async def test_files_are_what_they_say(start_server: Callable[..., Awaitable[LiveServer]]) -> None:
    server = await start_server()
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        page = await client.get("/")
        (icon,) = re.findall(r'href="(/static/pages/icon[^"]+)"', page.text)
        answer = await client.get(icon)
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def check(**env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, "WEB_DOMAIN": "parley.example.org", **env}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


async def test_the_deployment_that_the_docs_describe_has_nothing_to_complain_of() -> None:
    done = await asyncio.to_thread(check, TRUSTED_PROXIES="1")
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), (
        done.stderr
    )


def test_https_without_a_proxy_that_says_so_is_told(settings: LazySettings) -> None:
    settings.HTTPS, settings.WEB_DOMAIN = True, "parley.example.org"
    (told,) = [message for message in run_checks() if message.id == "messaging.W002"]
    assert "would redirect to itself for ever" in told.msg
    assert "TRUSTED_PROXIES" in str(told.hint)
    settings.TRUSTED_PROXIES = 1
    assert not [message for message in run_checks() if message.id == "messaging.W002"]
