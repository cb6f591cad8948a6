"""The app on another origin than the server: by token alone, as docs/app.md has it."""

import asyncio
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.app_person import AppPerson
from tests.browser.conftest import NewPage
from tests.live_server import LiveServer
from tests.services import ROOT

FRONTEND = ROOT / "frontend"


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Says nothing."""


@pytest.fixture
def elsewhere(other_origin: str) -> Iterator[str]:
    """The origin where the app is served from: files, and nothing that thinks."""
    handler = functools.partial(QuietFiles, directory=str(FRONTEND / "build" / "elsewhere"))
    port = urlsplit(other_origin).port
    assert port is not None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield other_origin
    server.shutdown()
    thread.join()
    server.server_close()


async def build_for(server: LiveServer) -> None:
    environment = {**os.environ, "VITE_API_URL": server.url}
    build = await asyncio.create_subprocess_exec(
        "npm", "run", "--silent", "build:app", cwd=FRONTEND, env=environment
    )
    assert await build.wait() == 0


async def test_the_app_works_from_another_origin(
    site: LiveServer, new_person: NewPage, elsewhere: str
) -> None:
    await build_for(site)
    page = await new_person()
    await page.goto(elsewhere)
    alice = AppPerson(page, site, "alice-elsewhere")
    await page.get_by_role("link", name="Sign up", exact=True).click()
    await page.get_by_label("Username").fill(alice.name)
    await page.get_by_label("Password").fill("violet-harbour-seven")
    await page.get_by_label("I accept the rules").check()
    await alice.press("Create my account")
    await alice.is_live()
    assert page.url == f"{elsewhere}/chats/feed"
    text = f"Hello from {alice.name}"
    await alice.say(text)
    await alice.sees_last(text)
    await expect(page.locator(".line", has_text="Feed")).to_contain_text(text)
    assert await page.context.cookies() == []
