"""What is written in the app is sent, once and in order, whatever becomes of the network, the window and the server."""

import asyncio
import os

from playwright.async_api import Page, WebSocket, expect

from messaging.actions.accounts import create_token
from messaging.database import DatabaseThreads
from messaging.queries.users import person_named
from tests.browser.app_person import AppPerson
from tests.browser.conftest import NewAppPerson, NewPage
from tests.browser.person import COMES_BACK_MS
from tests.live_server import LiveServer

# How long everybody is cut off; the full form is a minute.
AWAY_S = float(os.environ.get("PARLEY_TEST_AWAY_S", "2"))
POSTS = "**/api/chats/*/messages/"


async def shared_workers_of(page: Page) -> int:
    """How many the windows of this person's browser have."""
    assert page.context.browser is not None
    own = await (await page.context.new_cdp_session(page)).send("Target.getTargetInfo")
    everybodys = await (await page.context.browser.new_browser_cdp_session()).send("Target.getTargets")
    return sum(
        each["type"] == "shared_worker"
        and each.get("browserContextId") == own["targetInfo"]["browserContextId"]
        for each in everybodys["targetInfos"]
    )


async def test_both_write_while_the_server_is_away_and_then_see_all_once_and_in_order(
    site: LiveServer, app_user: NewAppPerson
) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    await alice.say("one")
    await bob.page.locator(".line", has_text=alice.name).click()
    await bob.sees("one")
    await site.kill()
    for person in (alice, bob):
        await expect(person.badge).to_contain_text("Offline")
        for part in ("first", "second"):
            await person.say(f"{person.name} {part}")
        await expect(person.page.locator("[data-draft-state]")).to_have_text(["Waiting to be sent"] * 2)
        await expect(person.badge).to_contain_text("2 waiting to be sent")
    await alice.is_accessible()
    await asyncio.sleep(AWAY_S)
    await site.start()
    for person in (alice, bob):
        await expect(person.messages).to_have_count(5, timeout=COMES_BACK_MS)
        await expect(person.page.locator("[data-draft]")).to_have_count(0, timeout=COMES_BACK_MS)
    texts = await alice.messages.all_text_contents()
    await bob.sees(*texts)
    for person in (alice, bob):
        own = [text for text in texts if text.startswith(person.name)]
        assert own == [f"{person.name} first", f"{person.name} second"]
        await person.page.reload()
        await person.sees(*texts)


async def test_a_window_closed_with_a_pending_message_sends_it_once_when_it_is_opened_again(
    app_user: NewAppPerson,
) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    await alice.say("one")
    await alice.sees("one")
    await bob.page.locator(".line", has_text=alice.name).click()
    thread, context = alice.path, alice.page.context
    await context.route(
        POSTS, lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    await alice.say("two")
    await expect(alice.page.locator("[data-draft-state]")).to_have_text("Waiting to be sent")
    await alice.page.close()
    await context.unroute(POSTS)
    alice.page = await context.new_page()
    await alice.open(thread)
    for person in (alice, bob):
        await person.sees("one", "two")


async def test_an_answer_that_was_lost_posts_once(app_user: NewAppPerson) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    await bob.page.locator(".line", has_text=alice.name).click()
    lost = 0

    async def lose_the_first(route: object) -> None:
        nonlocal lost
        if route.request.method != "POST" or lost:  # type: ignore[attr-defined]
            await route.continue_()  # type: ignore[attr-defined]
            return
        lost += 1
        await route.fetch()  # type: ignore[attr-defined]
        await route.abort()  # type: ignore[attr-defined]

    await alice.page.context.route(POSTS, lose_the_first)
    await alice.say("only once")
    for person in (alice, bob):
        await person.sees("only once")
    assert lost == 1


async def test_what_is_final_says_so_and_can_be_tried_again(app_user: NewAppPerson) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    await alice.page.context.route(
        POSTS, lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    await alice.say("too late")
    await expect(alice.page.locator("[data-draft-state]")).to_have_text("Waiting to be sent")
    await bob.page.locator(".line", has_text=alice.name).click()
    await bob.close_thread()
    await alice.page.context.unroute(POSTS)
    await expect(alice.page.locator("[data-draft-state]")).to_have_text("This thread is closed.")
    await alice.is_accessible()
    await alice.press("Discard")
    await expect(alice.page.locator("[data-draft]")).to_have_count(0)


async def test_two_windows_of_one_person_share_what_is_pending(app_user: NewAppPerson) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    await alice.say("one")
    await alice.sees("one")
    second = AppPerson(await alice.page.context.new_page(), alice.server, alice.name)
    sockets: list[WebSocket] = []
    second.page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - it marks the function
    await second.open(alice.path)
    await second.sees("one")
    await second.is_live()
    # One live connection for both, which is the shared worker's.
    assert (await shared_workers_of(second.page), sockets) == (1, [])
    await alice.page.context.route(
        POSTS, lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    await alice.say("two")
    await expect(second.page.locator("[data-draft-state]")).to_have_count(1)
    await alice.page.close()
    await second.say("three")
    await second.page.context.unroute(POSTS)
    await bob.page.locator(".line", has_text=alice.name).click()
    for person in (second, bob):
        await person.sees("one", "two", "three")


def _sign_in_a_program(name: str) -> None:
    create_token(user=person_named(name), name="a program")


async def test_a_revoked_device_signs_out_at_once_and_the_next_person_finds_nothing(
    site: LiveServer, acting: DatabaseThreads, app_user: NewAppPerson, new_window: NewPage
) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.open_thread(bob)
    elsewhere = AppPerson(await new_window(), site, alice.name)
    await elsewhere.sign_in()
    await elsewhere.is_live()
    await elsewhere.page.context.route(
        POSTS, lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    await elsewhere.say("never sent")
    await expect(elsewhere.page.locator("[data-draft-state]")).to_have_text("Waiting to be sent")
    await acting.run(_sign_in_a_program, alice.name)
    await alice.open("/app/settings")
    devices = alice.page.locator("[data-devices] li")
    await expect(devices).to_have_count(3)
    await expect(devices.first).to_contain_text("This device")
    other = devices.filter(has_not_text="This device").filter(has_text="Chrome")
    await expect(other.locator("[data-since]")).to_contain_text("Since")
    await expect(other.locator("[data-seen-at]")).to_contain_text("Last seen this minute")
    await other.get_by_role("button").click()
    await expect(elsewhere.page.get_by_text("You have been signed out of this device.")).to_be_visible()
    await expect(elsewhere.page.get_by_text("never sent")).to_be_visible()
    await alice.press("Sign out all others")
    await expect(devices).to_have_count(1)
    await alice.is_live()
    await elsewhere.is_accessible()
    await elsewhere.page.context.unroute(POSTS)

    # The next person of this browser, at the very same feed and thread list.
    charlie = AppPerson(elsewhere.page, site, f"{alice.name}-charlie")
    await charlie.sign_up()
    await charlie.is_live()
    await expect(charlie.page.get_by_text("never sent")).to_have_count(0)
    await expect(charlie.page.locator(".line", has_text=bob.name)).to_have_count(0)
    names = await charlie.page.evaluate("indexedDB.databases().then(all => all.map(each => each.name))")
    assert len(names) == 1
