"""A person in front of the app: what they do there, and what they see."""

from playwright.async_api import Locator, Page, expect

from tests.browser.axe import problems_of
from tests.browser.person import COMES_BACK_MS, IS_LIVE
from tests.conftest import PASSWORD
from tests.live_server import LiveServer

SMALL_TARGETS = """[...document.querySelectorAll("a, button, input, textarea, select, summary")]
    .filter(each => each.checkVisibility() && !each.matches(".skip") && each.closest("p.text, p.muted") === null)
    .map(each => [each.outerHTML.slice(0, 120), (each.closest("label") ?? each).getBoundingClientRect()])
    .filter(([, {width, height}]) => width < 43.9 || height < 43.9).map(([html]) => html)"""


class AppPerson:
    """One window. `page` is Playwright's."""

    def __init__(self, page: Page, server: LiveServer, name: str) -> None:
        self.page = page
        self.server = server
        self.name = name

    @property
    def messages(self) -> Locator:
        """The texts of the messages, in the order of the page; those that are not sent yet at the end."""
        return self.page.locator("[data-log] [data-text]")

    @property
    def badge(self) -> Locator:
        return self.page.locator("[data-badge-text]")

    @property
    def composer(self) -> Locator:
        return self.page.locator("[data-composer] textarea")

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.server.url)

    async def open(self, path: str) -> None:
        await self.page.goto(self.server.url + path)

    async def sign_up(self, *, path: str = "/app/sign-up") -> None:
        """Ends where that leads to."""
        await self.open(path)
        await self.page.get_by_role("link", name="Sign up", exact=True).click()
        await self.page.get_by_label("Username").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_label("I accept the rules").check()
        await self.press("Create my account")
        await self.page.locator(".shell").wait_for()

    async def sign_in(self) -> None:
        await self.open("/app/sign-in")
        await self.page.get_by_label("Username or e-mail").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.press("Sign in")
        await self.page.locator(".shell").wait_for()

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def is_live(self) -> None:
        await self.badge.filter(has_text=IS_LIVE).wait_for(timeout=COMES_BACK_MS)

    async def has_large_targets(self) -> None:
        """What a finger is to hit is 44 px high and wide, or its label is; links within a sentence may be smaller."""
        assert await self.page.evaluate(SMALL_TARGETS) == []

    async def is_accessible(self) -> None:
        """Nobody is shut out from what is on the screen now."""
        assert await problems_of(self.page) == []

    async def say(self, text: str) -> None:
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def sees(self, *texts: str, timeout_ms: float = 15_000) -> None:
        """Waits until the chat shows exactly these messages, once and in this order, and all of them are posted."""
        await expect(self.messages).to_have_text(list(texts), timeout=timeout_ms)
        await expect(self.page.locator("[data-draft]")).to_have_count(0, timeout=timeout_ms)

    async def sees_last(self, text: str) -> None:
        """The same in the feed, where others have been before: this is the newest."""
        await expect(self.messages.last).to_have_text(text)
        await expect(self.page.locator("[data-draft]")).to_have_count(0)

    async def make_room(self, name: str) -> str:
        """The path of the link to share."""
        await self.page.get_by_role("link", name="New room").first.click()
        await self.page.get_by_label("Name of the room").fill(name)
        await self.press("Create the room")
        link = await self.page.locator("[data-link]").text_content()
        assert link is not None
        return link.removeprefix(self.server.url)

    async def open_thread(self, with_whom: "AppPerson") -> None:
        await self.page.get_by_role("link", name="People", exact=True).click()
        await self.page.get_by_role("searchbox", name="Find people").fill(with_whom.name)
        await self.page.locator(".person-button", has_text=with_whom.name).click()

    async def close_thread(self) -> None:
        await self.page.get_by_role("link", name="Details", exact=True).click()
        await self.press("Close the thread")
        await self.page.get_by_role("dialog").get_by_role("button", name="Close the thread").click()
