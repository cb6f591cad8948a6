"""People on the pages, each in front of a real browser, at one real server."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from messaging.actions.messages import Post
from messaging.database import DatabaseThreads
from messaging.queries.users import person_named
from tests.browser.conftest import NewPage, NewPerson
from tests.browser.person import Person
from tests.conftest import PASSWORD
from tests.consumers.stage import post_together
from tests.live_server import LiveServer

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
async def alice(newcomer: NewPerson) -> Person:
    return await newcomer("alice")


@pytest.fixture
async def bob(newcomer: NewPerson) -> Person:
    return await newcomer("bob")


def message(person: Person, text: str) -> Locator:
    """The message with that text, or none: in the feed there are those of other tests too."""
    return person.page.locator("[data-log] > .message").filter(
        has=person.page.locator(".text", has_text=re.compile(f"^{re.escape(text)}$"))
    )


def post_many(name: str, count: int) -> None:
    """So many messages in the feed, before anybody looks."""
    user = person_named(name)
    post_together([Post(user, "feed", f"{number} of {name}") for number in range(count)])


# --- The feed ------------------------------------------------------------------------------------------------


async def test_what_is_posted_edited_and_deleted_reaches_whoever_has_the_page_open(
    site: LiveServer, new_window: NewPage, alice: Person
) -> None:
    reader = Person(await new_window(), site)
    await reader.open_live("/")
    await alice.is_live()
    text, better = f"Good mourning from {alice.name}", f"Good morning from {alice.name}"
    await alice.say(text)
    for window in (alice, reader):
        await expect(message(window, text)).to_have_count(1)
        await expect(window.messages.first).to_have_text(text)
    await expect(message(reader, text).locator(".author")).to_have_text(alice.name)

    await message(alice, text).hover()
    await message(alice, text).locator("[data-edit]").click()
    await alice.page.get_by_label("Message", exact=True).fill(better)
    await alice.press("Save")
    await expect(message(reader, better)).to_have_count(1)
    await expect(message(reader, better).locator(".edited")).to_be_visible()
    await expect(message(reader, text)).to_have_count(0)
    item = await message(reader, better).get_attribute("id")
    await message(alice, better).hover()
    await message(alice, better).locator("[data-delete]").click()
    await expect(alice.page.locator("[data-quote]")).to_have_text(better)
    await alice.press("Delete")
    for window in (alice, reader):
        await expect(window.page.locator(f"#{item} .text")).to_have_text("Deleted by its author.")

    # What people write stays text.
    text = f"<img src=x onerror=\"document.title='broken'\"><b>{alice.name}</b> & </script>"
    await alice.say(text)
    await expect(message(reader, text)).to_have_count(1)
    await reader.page.reload()
    await expect(message(reader, text)).to_have_count(1)
    for window in (alice, reader):
        await expect(window.page.locator("[data-log] img, [data-log] b")).to_have_count(0)
        await expect(window.page).to_have_title("Feed · Parley")


async def test_without_javascript(site: LiveServer, newcomer: NewPerson, alice: Person) -> None:
    carol = await newcomer("carol", java_script_enabled=False)
    await alice.is_live()
    text = f"Plain and simple, {carol.name}"
    await carol.say(text)
    await expect(message(carol, text)).to_have_count(1)
    await expect(message(alice, text)).to_have_count(1)
    await carol.page.reload()
    await expect(message(carol, text)).to_have_count(1)
    await message(carol, text).hover()
    await message(carol, text).locator("[data-delete]").click()
    await carol.press("Delete")
    await expect(message(carol, text)).to_have_count(0)
    await expect(message(alice, text)).to_have_count(0)


@pytest.mark.parametrize("with_script", [True, False])
async def test_a_double_click_posts_once(newcomer: NewPerson, with_script: bool) -> None:
    dora = await newcomer("dora", java_script_enabled=with_script)
    text = f"Click, click, {dora.name}"
    await dora.write(text)
    await dora.page.locator("[data-composer] button").dblclick()
    await expect(message(dora, text)).to_have_count(1)
    await dora.page.reload()
    await expect(message(dora, text)).to_have_count(1)


async def test_the_page_does_not_move_under_its_readers_eyes(
    acting: DatabaseThreads, alice: Person, bob: Person
) -> None:
    await acting.run(post_many, bob.name, 30)
    await bob.open_live("/")
    await alice.open_live("/")
    await alice.page.mouse.wheel(0, 1500)
    await alice.page.wait_for_function("scrollY > 1000")
    await bob.say(f"News of {bob.name}")
    button = alice.page.locator("[data-waiting] button")
    await expect(button).to_have_text("1 new")
    await expect(message(alice, f"News of {bob.name}")).to_have_count(0)
    await button.click()
    await expect(message(alice, f"News of {bob.name}")).to_be_in_viewport()
    await expect(button).to_be_hidden()


async def test_older_messages_are_a_click_away(acting: DatabaseThreads, alice: Person) -> None:
    await acting.run(post_many, alice.name, 60)
    await alice.page.reload()
    await expect(message(alice, f"59 of {alice.name}")).to_have_count(1)
    await expect(message(alice, f"0 of {alice.name}")).to_have_count(0)
    await alice.page.get_by_role("link", name="Older messages").click()
    await expect(message(alice, f"0 of {alice.name}")).to_have_count(1)
    await expect(message(alice, f"59 of {alice.name}")).to_have_count(1)


async def test_times_are_the_readers(site: LiveServer, new_window: NewPage, alice: Person) -> None:
    await alice.say(f"What time is it, {alice.name}?")
    await expect(message(alice, f"What time is it, {alice.name}?")).to_have_count(1)
    written = []
    for zone in ("Asia/Tokyo", "America/New_York"):
        reader = Person(await new_window(timezone_id=zone, locale="en-GB"), site)
        await reader.open_live("/")
        time = message(reader, f"What time is it, {alice.name}?").locator("time")
        await expect(time).not_to_contain_text("UTC")
        written.append(await time.get_attribute("title"))
    assert written[0] != written[1]


# --- Threads and rooms ---------------------------------------------------------------------------------------


async def log_in(page: Page, site: LiveServer, name: str) -> None:
    await page.goto(f"{site.url}/login/")
    await page.get_by_label("Username or e-mail").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.locator("main").get_by_role("button", name="Log in").click()


async def test_a_thread_from_its_opening_to_its_closing(
    site: LiveServer, new_window: NewPage, alice: Person, bob: Person
) -> None:
    # The first log-in makes the tests' cheap hash of the password a good one, which ends the session that they made.
    await bob.page.context.clear_cookies()
    await log_in(bob.page, site, bob.name)
    await bob.is_live()
    thread = await alice.open_thread(bob)
    await bob.notices.get_by_role("link", name="Go to it").click()
    for window in (alice, bob):
        await window.is_live()
    await alice.say("Hello Bob")
    await bob.sees("Hello Bob")
    await expect(alice.page.locator("[data-seen]")).to_be_visible()
    await bob.write("Hello A")
    await expect(alice.page.locator("[data-typing]")).to_have_text(f"{bob.name} is writing…")
    await bob.say("Hello Alice")
    await alice.sees("Hello Bob", "Hello Alice")
    await expect(alice.page.locator("[data-typing]")).to_have_text("")

    # Signing in leads straight to it.
    elsewhere = await new_window()
    await log_in(elsewhere, site, bob.name)
    await expect(elsewhere).to_have_url(site.url + thread)
    left = Person(elsewhere, site, bob.name)
    await left.is_live()
    # There the news of the closing does not get through in time.
    await elsewhere.route("**/threads/**", lambda route: route.abort())

    await bob.press("Close thread")
    await expect(alice.page.locator(".closed")).to_contain_text(f"{bob.name} closed it on")
    for window in (alice, bob):
        await expect(window.page.locator("[data-composer]")).to_have_count(0)
        await window.open(thread)
        await window.sees("Hello Bob", "Hello Alice")
    # What comes after the closing is refused and kept.
    await left.say("One more thing")
    await expect(elsewhere.locator("[data-draft-state]")).to_have_text("This thread is closed.")
    await left.press("Discard")
    await left.sees("Hello Bob", "Hello Alice")


async def test_a_room_and_its_owner(alice: Person, bob: Person, newcomer: NewPerson) -> None:
    carol = await newcomer("carol")
    await alice.open("/rooms/new/")
    await alice.page.get_by_label("Name", exact=True).fill("Harbour watch")
    await alice.press("Make the room")
    await alice.is_live()
    room = alice.page.url.removeprefix(alice.server.url)
    for window in (bob, carol):
        await window.open(room)
        await window.press("Join the room")
        await window.is_live()
    summary = alice.page.locator(".panel summary")
    await expect(summary).to_have_text("3 members")
    await bob.say("Fog until noon")
    for window in (alice, carol):
        await window.sees("Fog until noon")
    await expect(bob.page.locator("[data-seen]")).to_have_text("Seen by 2")
    await summary.click()
    await alice.page.get_by_label("Name", exact=True).fill("Night watch")
    await alice.press("Save")
    await expect(carol.page.locator("h1")).to_have_text("Night watch")
    await alice.page.locator(".panel summary").click()
    await alice.press(f"Remove {carol.name}")
    await expect(carol.notices).to_contain_text("You are not in this chat any more.")
    await expect(carol.badge).to_have_text("Not live")
    await alice.is_live()
    await alice.say("Just us")
    await bob.sees("Fog until noon", "Just us")
    await carol.sees("Fog until noon")


async def test_the_list_of_chats_keeps_up(alice: Person, bob: Person) -> None:
    await bob.open("/chats/")
    await alice.open_thread(bob)
    line = bob.page.locator(".chat-line", has_text=alice.name)
    await expect(line).to_have_count(1)
    await alice.is_live()
    await alice.say("Hello Bob")
    await expect(line).to_contain_text(f"{alice.name}: Hello Bob")
    await expect(line.locator(".unread")).to_contain_text("1")


# --- Accounts ------------------------------------------------------------------------------------------------


async def test_logging_out_ends_the_live_connection_of_the_other_window(alice: Person) -> None:
    await alice.is_live()
    other = Person(await alice.page.context.new_page(), alice.server, alice.name)
    await other.open_live("/")
    await other.press("Log out")
    await expect(alice.badge).to_have_text("Not live")
    await expect(alice.notices).to_contain_text("signed in or out")
    await alice.notices.get_by_role("link").click()
    await expect(alice.page.get_by_role("link", name="Sign up").first).to_be_visible()


async def test_nobody_writes_in_anothers_name_from_an_old_page(alice: Person, newcomer: NewPerson) -> None:
    await alice.is_live()
    other = await alice.page.context.new_page()
    await other.goto(f"{alice.server.url}/")
    await other.get_by_role("button", name="Log out").click()
    somebody = Person(other, alice.server, f"{alice.name}-else")
    await somebody.sign_up()
    text = f"Who says this, {alice.name}?"
    await alice.say(text)
    await expect(alice.page.locator("[data-draft-state]")).to_contain_text("signed in or out")
    await somebody.open_live("/")
    await expect(message(somebody, text)).to_have_count(0)


# --- Phones --------------------------------------------------------------------------------------------------


async def test_everything_fits_a_phone_and_a_finger(newcomer: NewPerson, alice: Person) -> None:
    dora = await newcomer("dora", **PHONE)
    await alice.say("a-very-long-word-" * 30)
    await alice.open_thread(dora)
    for path in ("/", "/chats/", "/people/", "/account/", "/rooms/new/", dora.page.url, "/nope/"):
        await dora.open(path.removeprefix(dora.server.url))
        assert await is_as_wide_as_the_screen(dora.page), path
        assert await small_targets(dora.page) == [], path
    await dora.open_thread(alice)
    await dora.is_live()
    await dora.say("From my pocket")
    await dora.sees("From my pocket")
    await expect(dora.page.locator("[data-composer]")).to_be_in_viewport()


async def is_as_wide_as_the_screen(page: Page) -> bool:
    return bool(
        await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    )


async def small_targets(page: Page) -> list[str]:
    """Buttons, fields and links of the frame that are lower than a finger is wide."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll(".button, .site-header a, .site-footer a, input, textarea, .chat-line")]
            .filter((each) => each.checkVisibility() && each.type !== "checkbox" && each.type !== "hidden")
            .filter((each) => each.getBoundingClientRect().height < 43.9)
            .map((each) => each.outerHTML)"""
    )
    return found
