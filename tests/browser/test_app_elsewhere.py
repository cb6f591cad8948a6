"""The app on another origin than the server: by token alone, as docs/app.md has it."""

import asyncio
import functools
import http.server
import os
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from playwright.async_api import expect

from tests.browser.app_person import AppPerson
from tests.browser.conftest import NewPage
from tests.live_server import LiveServer
from tests.services import ROOT, free_port

FRONTEND = ROOT / "frontend"


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The origin where the app is served from: files, and nothing that thinks."""
    handler = functools.partial(QuietFiles, directory=str(FRONTEND / "build" / "elsewhere"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def build_for(server: LiveServer) -> None:
    environment = {**os.environ, "VITE_API_URL": server.url}
    build = await asyncio.create_subprocess_exec(
        "npm", "run", "--silent", "build:app", cwd=FRONTEND, env=environment
    )
    assert await build.wait() == 0


@pytest.mark.django_db(transaction=True)
async def test_the_app_works_from_another_origin(
    start_server: Callable[..., Awaitable[LiveServer]], new_person: NewPage, elsewhere: str
) -> None:
    server = await start_server(CORS_ALLOWED_ORIGINS=elsewhere)
    await build_for(server)
    page = await new_person()
    await page.goto(elsewhere)
    alice = AppPerson(page, server, "alice")
    await page.get_by_role("link", name="Sign up", exact=True).click()
    await page.get_by_label("Username").fill(alice.name)
    await page.get_by_label("Password").fill("violet-harbour-seven")
    await page.get_by_label("I accept the rules").check()
    await alice.press("Create my account")
    await alice.is_live()
    assert page.url == f"{elsewhere}/chats/feed"
    await alice.say("Hello from elsewhere")
    await alice.sees("Hello from elsewhere")
    await expect(page.locator(".line", has_text="Feed")).to_contain_text("Hello from elsewhere")
    assert await page.context.cookies() == []
