"""The app can be used by everybody: by keyboard alone, on a phone, in the dark, in other languages; axe looks on."""

import json
import re

from django.conf import settings
from playwright.async_api import expect

from tests.browser.app_person import AppPerson
from tests.browser.axe import problems_of
from tests.browser.conftest import NewAppPerson, NewPage
from tests.live_server import LiveServer

# What is read is kept a moment later: the chat's newest page, for whoever is signed in.
UNTIL_IS_KEPT = """async text => {
    const [{name}] = await indexedDB.databases();
    const database = await new Promise(done => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => done(opening.result);
    });
    for (let isKept = false; !isKept;) {
        await new Promise(done => setTimeout(done, 50));
        const pages = await new Promise(done => {
            const reading = database.transaction("pages").objectStore("pages").getAll();
            reading.onsuccess = () => done(reading.result);
        });
        isKept = pages.some(({page}) => page.messages.some(message => message.text === text));
    }
    database.close();
}"""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def test_axe_finds_nothing_on_any_page(app_user: NewAppPerson, new_window: NewPage) -> None:
    """The states that the other tests pass through are looked at there."""
    alice, bob = await app_user("alice"), await app_user("bob")
    page, problems = alice.page, []
    await alice.is_live()
    problems += await problems_of(page)
    await alice.open_thread(bob)
    await alice.is_live()
    problems += await problems_of(page)  # nothing said yet
    await bob.page.locator(".line", has_text=alice.name).click()
    await bob.say("See https://example.org")
    await alice.sees("See https://example.org")
    await page.get_by_role("link", name="Details", exact=True).click()
    await page.locator(".details .person").first.wait_for()
    problems += await problems_of(page)
    await alice.press("Close the thread")
    problems += await problems_of(page)
    await page.get_by_role("dialog").get_by_role("button", name="Close the thread").click()
    await page.locator(".closed-note").wait_for()
    problems += await problems_of(page)
    room = await alice.make_room("Harbour watch")
    await page.locator(".details .person").first.wait_for()
    problems += await problems_of(page)
    await alice.press("Leave the room")
    problems += await problems_of(page)
    await page.keyboard.press("Escape")
    await bob.open(room.replace("/join/", "/chats/"))
    await bob.page.get_by_role("button", name="Join this room").wait_for()
    problems += await problems_of(bob.page)
    for path in (
        "/app/people",
        "/app/settings",
        "/app/rooms/new",
        "/app/chats",
        "/app/chats/nope",
        "/app/join/nope",
        "/app/no/page",
    ):
        await alice.open(path)
        await page.locator("h1, h2").first.wait_for()
        await expect(page.locator(".skeleton")).to_have_count(0)
        problems += await problems_of(page)
    stranger = await new_window()
    for path in ("/app/sign-in", "/app/sign-up", "/app/reset"):
        await stranger.goto(alice.server.url + path)
        await stranger.locator("h1").wait_for()
        problems += await problems_of(stranger)
        await stranger.get_by_role("main").get_by_role("button").click()
        await stranger.locator(".error").first.wait_for()
        problems += await problems_of(stranger)
    assert problems == []


async def test_the_keyboard_is_enough(site: LiveServer, app_user: NewAppPerson, new_window: NewPage) -> None:
    bob = await app_user("bob")
    alice = AppPerson(await new_window(), site, f"{bob.name}-alice")
    page = alice.page
    await alice.open("/app/sign-up")
    await page.get_by_label("Username").focus()
    await page.keyboard.type(alice.name)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("violet-harbour-seven")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await alice.is_live()
    await expect(alice.composer).to_be_focused()
    await page.keyboard.type(f"By keyboard, {alice.name}")
    await page.keyboard.press("Enter")
    await alice.sees_last(f"By keyboard, {alice.name}")
    await page.keyboard.press("ArrowUp")
    await expect(alice.composer).to_have_value(f"By keyboard, {alice.name}")
    await page.keyboard.type("!")
    await page.keyboard.press("Enter")
    await alice.sees_last(f"By keyboard, {alice.name}!")

    # The sheet, and the ways that it names.
    await page.locator("[data-scroller]").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await alice.is_accessible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("p")
    await page.get_by_role("searchbox").focus()
    await page.keyboard.type(bob.name)
    await expect(page.locator(".person-button")).to_have_count(1)
    await page.locator(".person-button").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".chat-title h2")).to_have_text(bob.name)
    await page.keyboard.press("Alt+ArrowUp")
    await expect(page.locator(".chat-title h2")).to_have_text("Feed")

    # The first stop leads past the list, and what has the focus shows it.
    await page.reload()
    await alice.is_live()
    await page.locator(".skip").focus()
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.locator(".line").first.focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Shift+Tab")
    ring = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"


async def test_a_phone_shows_one_pane_at_a_time(app_user: NewAppPerson) -> None:
    alice = await app_user("alice", **PHONE)
    page = alice.page
    await expect(page.locator(".chat-list")).to_be_visible()
    await expect(page.locator(".chat")).to_have_count(0)
    await page.locator(".line").first.click()
    await expect(page.locator(".chat")).to_be_visible()
    await expect(page.locator(".chat-list")).not_to_be_visible()
    await alice.composer.fill(f"From a phone, {alice.name}")
    await page.get_by_role("button", name="Send").click()
    await expect(alice.messages.filter(has_text=alice.name)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await alice.is_accessible()
    await page.go_back()
    await expect(page.locator(".chat-list")).to_be_visible()
    await alice.is_accessible()
    await alice.make_room("On the way")
    await expect(page.locator(".details")).to_be_visible()
    await page.get_by_role("link", name="Close the details").click()
    await expect(page.locator(".chat-title h2")).to_have_text("On the way")
    await page.get_by_role("link", name="Back to the chats").click()
    await expect(page.locator(".line", has_text="On the way")).to_be_visible()
    await alice.has_large_targets()
    for link, heading in (("People", "People"), ("New room", "New room"), (alice.name, "Settings")):
        await page.get_by_role("link", name=link, exact=True).first.click()
        await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        # What had the focus is not there any more: it goes where one reads on.
        await expect(page.locator("#main")).to_be_focused()
        await alice.has_large_targets()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.get_by_role("link", name="Back to the chats").click()
        await expect(page.locator(".line").first).to_be_focused()


async def test_the_language_and_the_theme_are_the_readers(app_user: NewAppPerson) -> None:
    alice = await app_user("alice")
    page = alice.page
    await alice.open("/app/settings")
    await page.get_by_label("Language").select_option("ru")
    await expect(page.get_by_role("heading", name="Настройки").first).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "ru")
    await page.get_by_label("Тёмная").check()
    dark = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    moves = "getComputedStyle(document.querySelector('.line')).transitionDuration"
    assert await page.evaluate(moves) != "0s"
    await page.emulate_media(reduced_motion="reduce")
    assert await page.evaluate(moves) == "0s"
    await page.get_by_label("Светлая").check()
    light = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    await page.reload()
    await expect(page.get_by_role("heading", name="Настройки").first).to_be_visible()
    # Turned round as a whole: the list of chats is at the right.
    await page.evaluate("document.documentElement.dir = 'rtl'")
    box = await page.locator(".chat-list").bounding_box()
    assert box is not None
    assert box["x"] > 500
    await alice.is_accessible()


async def test_a_name_cannot_reach_beyond_itself(app_user: NewAppPerson) -> None:
    alice = await app_user("alice")
    await alice.make_room("safe\u202egnp.exe")
    name = alice.page.locator(".line-name", has_text="gnp")
    assert await name.evaluate("each => each.tagName") == "BDI"
    assert await name.evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"


async def test_what_was_read_is_there_without_a_network(site: LiveServer, app_user: NewAppPerson) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    await alice.say("kept on this device")
    await alice.sees("kept on this device")
    await alice.page.evaluate("navigator.serviceWorker.ready")
    await alice.page.reload()
    await alice.sees("kept on this device")
    await alice.is_live()
    await alice.page.evaluate(UNTIL_IS_KEPT, "kept on this device")
    await site.kill()
    await alice.page.reload()
    await alice.sees("kept on this device")
    await expect(alice.badge).to_have_text(re.compile("Connecting|Offline"))
    await alice.is_accessible()
    await site.start()
    await alice.is_live()


async def test_a_new_version_is_offered_and_taken_without_losing_what_is_written(
    app_user: NewAppPerson,
) -> None:
    alice = await app_user("alice")
    page = alice.page
    await page.evaluate("navigator.serviceWorker.ready")
    await page.reload()
    await alice.is_live()
    manifest = await (await page.context.new_cdp_session(page)).send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["display"] == "standalone"
    await alice.composer.fill("half a sent")
    worker = settings.STATIC_ROOT / "app" / "sw.js"
    deployed = worker.read_text()
    try:
        worker.write_text(f"{deployed}\n// The next version.\n")
        await page.evaluate("navigator.serviceWorker.getRegistration().then(each => each.update())")
        await expect(page.get_by_text("A new version is ready.")).to_be_visible()
        await alice.is_accessible()
        await expect(alice.composer).to_have_value("half a sent")
        async with page.expect_navigation():
            await alice.press("Use it now")
        await alice.is_live()
        await expect(alice.composer).to_have_value("half a sent")
    finally:
        worker.write_text(deployed)
