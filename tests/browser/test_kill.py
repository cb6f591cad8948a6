"""The promise, in two windows: the server is killed while they are open, and nothing is lost, doubled or out of order."""

from playwright.async_api import Route, expect

from messaging.actions.deployment import bump_epoch
from messaging.actions.messages import post_message
from messaging.database import DatabaseThreads
from messaging.queries.users import person_named
from tests.browser.conftest import NewPage
from tests.browser.person import COMES_BACK_MS, Person
from tests.live_server import LiveServer

POSTS = "**/api/chats/feed/messages/"


async def test_two_windows_live_through_the_servers_death(
    server: LiveServer, database: DatabaseThreads, new_window: NewPage
) -> None:
    alice, reader = Person(await new_window(), server, "alice"), Person(await new_window(), server)
    await alice.sign_up()
    await reader.open_live("/")
    await alice.say("one")
    await reader.sees("one")

    # What is written and what happens meanwhile arrives, in the order of the log.
    await server.kill()
    for window in (alice, reader):
        await expect(window.badge).to_have_text("Reconnecting")
    await alice.say("three")
    await alice.say("four")
    await expect(alice.page.locator("[data-draft-state]")).to_have_text(["Sending", "Not sent yet"])
    user = await database.run(person_named, "alice")
    await database.run(post_message, user=user, chat="feed", text="two")
    await server.start()
    for window in (alice, reader):
        await window.sees("four", "three", "two", "one", timeout_ms=COMES_BACK_MS)
        await window.is_live()
    await expect(alice.page.locator("[data-draft-state]")).to_have_count(0)
    await alice.say("five")
    await reader.sees("five", "four", "three", "two", "one")

    # After a restore from a backup the pages start over.
    await server.kill()
    await database.run(bump_epoch)
    await database.run(post_message, user=user, chat="feed", text="six")
    await server.start()
    for window in (alice, reader):
        await window.sees("six", "five", "four", "three", "two", "one", timeout_ms=COMES_BACK_MS)
        await window.is_live()
    await alice.say("seven")
    for window in (alice, reader):
        await window.sees("seven", "six", "five", "four", "three", "two", "one")
        await window.page.reload()
        await window.sees("seven", "six", "five", "four", "three", "two", "one")


async def test_what_is_not_answered_is_posted_once(server: LiveServer, new_window: NewPage) -> None:
    alice, reader = Person(await new_window(), server, "alice"), Person(await new_window(), server)
    await alice.sign_up()
    await alice.is_live()
    await reader.open_live("/")

    # Not posted yet: it survives a reload.
    context = alice.page.context
    await context.route(POSTS, lambda route: route.abort())
    await alice.say("one")
    await expect(alice.page.locator("[data-draft-state]")).to_have_text("Not sent yet")
    await alice.page.reload()
    await alice.sees("one")
    await reader.sees()
    await context.unroute(POSTS)
    await reader.sees("one", timeout_ms=COMES_BACK_MS)
    await alice.sees("one")

    # Posted, and the answer is lost.
    answers = 0

    async def lose_the_answer(route: Route) -> None:
        nonlocal answers
        answers += 1
        await route.fetch()
        await route.abort()

    await alice.page.route(POSTS, lose_the_answer)
    await alice.say("two")
    for window in (alice, reader):
        await window.sees("two", "one")
    await expect(alice.page.locator("[data-draft-state]")).to_have_count(0)
    await alice.page.unroute(POSTS)
    await alice.say("three")
    for window in (alice, reader):
        await window.sees("three", "two", "one")
    assert answers == 1
