"""The promise, in two windows: the server is killed while they are open, and nothing is lost, doubled or out of order."""

import pytest
from playwright.async_api import expect

from messaging.actions.deployment import bump_epoch
from messaging.actions.messages import post_message
from messaging.database import DatabaseThreads
from messaging.queries.users import person_named
from tests.browser.conftest import NewPage
from tests.browser.person import COMES_BACK_MS, Person
from tests.live_server import LiveServer


@pytest.fixture
async def alice(server: LiveServer, new_window: NewPage) -> Person:
    person = Person(await new_window(), server, "alice")
    await person.sign_up()
    await person.is_live()
    return person


@pytest.fixture
async def reader(server: LiveServer, new_window: NewPage) -> Person:
    person = Person(await new_window(), server)
    await person.open_live("/")
    return person


async def test_two_windows_live_through_the_servers_death(
    server: LiveServer, alice: Person, reader: Person
) -> None:
    await alice.say("Good morning")
    await reader.sees("Good morning")
    await server.kill()
    for window in (alice, reader):
        await expect(window.badge).to_have_text("Reconnecting")
    await server.start()
    await alice.say("And good evening")
    for window in (alice, reader):
        await window.sees("And good evening", "Good morning", timeout_ms=COMES_BACK_MS)
        await window.is_live()
    await alice.say("Good night")
    for window in (alice, reader):
        await window.sees("Good night", "And good evening", "Good morning")
        await window.page.reload()
        await window.sees("Good night", "And good evening", "Good morning")


async def test_what_is_written_and_what_happens_meanwhile_arrives(
    server: LiveServer, database: DatabaseThreads, alice: Person, reader: Person
) -> None:
    await alice.say("one")
    await reader.sees("one")
    await server.kill()
    await alice.say("three")
    await alice.say("four")
    await expect(alice.page.locator("[data-draft-state]")).to_have_text(["Sending", "Not sent yet"])
    user = await database.run(person_named, "alice")
    await database.run(post_message, user=user, chat="feed", text="two")
    await server.start()
    for window in (alice, reader):
        await window.sees("four", "three", "two", "one", timeout_ms=COMES_BACK_MS)
    await expect(alice.page.locator("[data-draft-state]")).to_have_count(0)


async def test_what_is_not_posted_yet_survives_a_reload(
    server: LiveServer, alice: Person, reader: Person
) -> None:
    await alice.page.context.route("**/api/chats/feed/messages/", lambda route: route.abort())
    await alice.say("one")
    await expect(alice.page.locator("[data-draft-state]")).to_have_text("Not sent yet")
    await alice.page.reload()
    await alice.sees("one")
    await reader.sees()
    await alice.page.context.unroute("**/api/chats/feed/messages/")
    await reader.sees("one", timeout_ms=COMES_BACK_MS)
    await alice.sees("one")


async def test_an_answer_that_was_lost_posts_once(alice: Person, reader: Person) -> None:
    answers = 0

    async def lose_the_answer(route: object) -> None:
        nonlocal answers
        answers += 1
        await route.fetch()  # type: ignore[attr-defined]  # Playwright's Route
        await route.abort()  # type: ignore[attr-defined]

    await alice.page.route("**/api/chats/feed/messages/", lose_the_answer)
    await alice.say("once")
    await reader.sees("once")
    await alice.sees("once")
    await expect(alice.page.locator("[data-draft-state]")).to_have_count(0)
    await alice.page.unroute("**/api/chats/feed/messages/")
    await alice.say("twice")
    for window in (alice, reader):
        await window.sees("twice", "once")
    assert answers == 1


async def test_after_a_restore_from_a_backup_the_pages_start_over(
    server: LiveServer, database: DatabaseThreads, alice: Person, reader: Person
) -> None:
    await alice.say("one")
    await reader.sees("one")
    await server.kill()
    user = await database.run(person_named, "alice")
    await database.run(bump_epoch)
    for number in range(2, 5):
        await database.run(post_message, user=user, chat="feed", text=str(number))
    await server.start()
    for window in (alice, reader):
        await window.sees("4", "3", "2", "one", timeout_ms=COMES_BACK_MS)
        await window.is_live()
    await alice.say("five")
    await reader.sees("five", "4", "3", "2", "one")
