"""Takes docs/screenshots/app-*.png of the demo: `.venv/bin/python -m scripts.screenshots`, after the app was built."""

import asyncio
import sys
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, async_playwright

from benchmarks.embedded import running_server
from tests.browser import FLAGS, find_chromium

PASSWORD = "violet-harbour"  # noqa: S105 - everybody's, on a server that lives for a minute
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
SIZES = {1440: 900, 820: 1180, 390: 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    async with running_server(["demo", "--password", PASSWORD]) as url, async_playwright() as playwright:
        program = find_chromium()
        assert program is not None, "no Chromium or Chrome on the PATH"
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        for width, height in SIZES.items():
            await photograph(browser, url, folder, (width, height))
        await browser.close()


async def photograph(browser: Browser, url: str, folder: Path, size: tuple[int, int]) -> None:
    width, height = size
    is_phone = width < 500
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
        has_touch=is_phone,
        is_mobile=is_phone,
    )
    page = await context.new_page()

    async def shoot(name: str) -> None:
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await page.wait_for_timeout(300)
            await page.screenshot(path=folder / f"app-{name}-{width}-{scheme}.png")

    await page.goto(f"{url}/app/sign-up")
    await page.locator("h1").wait_for()
    await page.locator("form").get_by_role("button").click()
    await page.locator(".error").first.wait_for()
    await shoot("sign-up")
    await sign_in(page, url, "alice")
    for name, path in PLACES.items():
        await page.goto(url + path)
        await open_by_name(page, NAMES.get(name))
        await page.locator(READY.get(name, ".shell")).first.wait_for()
        await shoot(name)
    await page.goto(f"{url}/app/settings")
    await page.get_by_role("button", name="Sign out here").click()
    await sign_in(page, url, "olive")
    for name, contact in AT_THE_DESK.items():
        await page.goto(f"{url}/app/desk")
        await page.locator("[data-contact]").first.wait_for(state="attached")
        if contact is not None:
            await page.locator("[data-contact]", has_text=contact).click()
            await page.locator("[data-log]").wait_for()
        if name == "desk-contact":
            await page.get_by_role("link", name="About the contact").click()
            await page.locator(".facts").wait_for()
        await shoot(name)
    await context.close()


async def sign_in(page: Page, url: str, name: str) -> None:
    await page.goto(f"{url}/app/sign-in")
    await page.get_by_label("Username or e-mail").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.locator("form").get_by_role("button").click()
    await page.locator(".line").first.wait_for(state="attached")


PLACES = {
    "chats": "/app/chats",
    "feed": "/app/chats/feed",
    "thread": "/app/chats",
    "room": "/app/chats",
    "details": "/app/chats",
    "people": "/app/people",
    "new-room": "/app/rooms/new",
    "settings": "/app/settings",
}
AT_THE_DESK = {"desk": None, "desk-chat": "Jonas", "desk-bot": "Priya", "desk-contact": "Tom"}
NAMES = {"thread": "bob", "room": "Choir", "details": "Harbour watch"}
READY = {"feed": "[data-log]", "thread": "[data-log]", "room": "[data-log]", "details": ".details .person"}


async def open_by_name(page: Page, name: str | None) -> None:
    """A chat whose uri is different each time, from the list."""
    await page.locator(".line").first.wait_for(state="attached")
    if name is None:
        return
    await page.locator(".line", has=page.locator(".line-name", has_text=name)).click()
    await page.locator("[data-log]").wait_for()
    if name == NAMES["details"]:
        await page.get_by_role("link", name="Details", exact=True).click()


if __name__ == "__main__":
    asyncio.run(main())
