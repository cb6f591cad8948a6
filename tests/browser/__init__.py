"""Owns the browser: one real Chromium for the run, and a fresh person (cookies, storage, cache) for each window."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    # Containers give /dev/shm little room.
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The network is blocked for browsers too: no name but this machine's is found.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
]
TIMEOUT_MS = 10_000


def find_chromium() -> str | None:
    return next((path for program in PROGRAMS if (path := shutil.which(program))), None)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = find_chromium()
    assert program is not None, "no Chromium or Chrome on the PATH; `make test` installs it on Debian as root"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def new_person(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Opens a window of somebody nobody has seen before; keyword arguments are those of Playwright's `new_context`.

    A script error on any of its pages fails the test.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def open_window(**options: object) -> Page:
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        return await context.new_page()

    yield open_window
    for context in contexts:
        await context.close()
    assert not errors, f"scripts failed: {errors}"


@pytest.fixture
async def page(new_person: Callable[..., Awaitable[Page]]) -> Page:
    return await new_person()
