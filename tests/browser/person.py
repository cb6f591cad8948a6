"""A person in front of a real browser: what they do on the pages, and what they see there."""

import re

from playwright.async_api import Locator, Page, expect

from tests.conftest import PASSWORD
from tests.live_server import LiveServer

# A page that has lost its server tries again after longer and longer waits, of up to ten seconds.
COMES_BACK_MS = 30_000
IS_LIVE = re.compile(r"^\s*Live\s*$")


class Person:
    """One window. `page` is Playwright's."""

    def __init__(self, page: Page, server: LiveServer, name: str = "") -> None:
        self.page = page
        self.server = server
        self.name = name

    @property
    def messages(self) -> Locator:
        """The texts of the messages, in the order of the page."""
        return self.page.locator("[data-log] .text")

    @property
    def badge(self) -> Locator:
        return self.page.locator("[data-badge-text]")

    @property
    def notices(self) -> Locator:
        return self.page.locator("[data-notices]")

    async def open(self, path: str) -> None:
        await self.page.goto(self.server.url + path)

    async def open_live(self, path: str) -> None:
        await self.open(path)
        await self.is_live()

    async def is_live(self) -> None:
        # Looked at with every frame: `expect` does so after longer and longer waits.
        await self.badge.filter(has_text=IS_LIVE).wait_for(timeout=COMES_BACK_MS)

    async def sign_up(self) -> None:
        await self.open("/signup/")
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.press("Sign up", within="main")
        await expect(self.page.locator(".account-link")).to_have_text(self.name)

    async def press(self, button: str, *, within: str = "body") -> None:
        await self.page.locator(within).get_by_role("button", name=button, exact=True).click()

    async def write(self, text: str) -> None:
        await self.page.get_by_label("Your message").fill(text)

    async def say(self, text: str) -> None:
        await self.write(text)
        await self.page.locator("[data-composer] button").click()

    async def sees(self, *texts: str, timeout_ms: float = 15_000) -> None:
        """Waits until the page shows exactly these messages, once and in this order."""
        await expect(self.messages).to_have_text(list(texts), timeout=timeout_ms)

    async def open_thread(self, with_whom: "Person") -> str:
        """The path of the thread that this leads to."""
        await self.open(f"/people/?q={with_whom.name}")
        await self.press(f"Open a thread with {with_whom.name}")
        await expect(self.page.locator("h1")).to_have_text(with_whom.name)
        return self.page.url.removeprefix(self.server.url)
