"""Every page can be used by everybody: axe finds nothing serious on any of them, light or dark."""

from tests.browser.axe import problems_of
from tests.browser.conftest import NewPage, NewPerson
from tests.live_server import LiveServer


async def test_pages_of_somebody_who_has_signed_in(newcomer: NewPerson) -> None:
    alice, bob = await newcomer("alice"), await newcomer("bob")
    page, problems = alice.page, []
    await alice.say("Good morning")
    thread = await alice.open_thread(bob)
    await alice.is_live()
    await alice.say("Hello Bob")
    await bob.open_live(thread)
    await bob.say("Hello Alice")
    await alice.sees("Hello Bob", "Hello Alice")
    problems += await problems_of(page)
    await alice.press("Close thread")
    problems += await problems_of(page)
    await alice.open("/rooms/new/")
    problems += await problems_of(page)
    await page.get_by_label("Name", exact=True).fill("Harbour watch")
    await alice.press("Make the room")
    await alice.is_live()
    room = page.url
    await page.locator(".panel summary").click()
    problems += await problems_of(page)
    await bob.page.goto(room)
    problems += await problems_of(bob.page)
    for path in ("/", "/chats/", "/people/", "/people/?q=nobody", "/account/", "/password/change/", "/nope/"):
        await alice.open(path)
        problems += await problems_of(page)
    await alice.open_live("/")
    item = page.locator("[data-log] .message.mine").first
    for tool in ("[data-edit]", "[data-delete]"):
        await item.hover()
        await item.locator(tool).click()
        problems += await problems_of(page)
        await page.keyboard.press("Escape")
        await alice.open(str(await item.locator(tool).get_attribute("href")))
        problems += await problems_of(page)
        await alice.open_live("/")
    assert problems == []


async def test_pages_of_anybody(site: LiveServer, new_window: NewPage) -> None:
    page, problems = await new_window(), []
    for path in ("/", "/signup/", "/login/", "/password/reset/", "/password/reset/sent/"):
        await page.goto(site.url + path)
        problems += await problems_of(page)
    await page.goto(f"{site.url}/signup/")
    await page.get_by_label("Username").fill("not a name")
    await page.get_by_label("Password").fill("password")
    await page.locator("main").get_by_role("button").click()
    problems += await problems_of(page)
    assert problems == []


async def test_the_keyboard_is_enough(newcomer: NewPerson) -> None:
    alice = await newcomer("alice")
    await alice.open_live("/")
    page = alice.page
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type(f"By keyboard, {alice.name}")
    await page.keyboard.press("Control+Enter")
    await page.locator(".text", has_text=f"By keyboard, {alice.name}").wait_for()
    await page.keyboard.press("Shift+Tab")
    ring = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"
