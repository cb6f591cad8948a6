"""The app between people: rooms by link, threads, the feed, and finding one's place again."""

import re

from playwright.async_api import WebSocket, expect

from messaging.actions.chats import add_member, create_room, mark_read
from messaging.actions.messages import Post
from messaging.database import DatabaseThreads
from messaging.queries.users import person_named
from tests.browser.app_person import AppPerson
from tests.browser.axe import problems_of
from tests.browser.conftest import NewAppPerson, NewPage
from tests.conftest import PASSWORD
from tests.consumers.stage import post_together
from tests.live_server import LiveServer


async def test_sign_up_leads_to_where_one_was_going_and_two_people_talk(
    site: LiveServer, app_user: NewAppPerson, new_window: NewPage
) -> None:
    alice = await app_user("alice")
    link = await alice.make_room("Harbour watch")
    await alice.say("Who is on duty?")
    bob = AppPerson(await new_window(timezone_id="Asia/Tokyo"), site, f"{alice.name}-bob")
    await bob.sign_up(path=link)
    await expect(bob.page.locator(".chat-title h2")).to_have_text("Harbour watch")
    await bob.sees("Who is on duty?")
    await bob.say("I am")
    await bob.say("until six")
    for person in (alice, bob):
        await person.sees("Who is on duty?", "I am", "until six")
        await person.is_live()
        await person.page.reload()
        await person.sees("Who is on duty?", "I am", "until six")
    await expect(alice.page.locator(".message.mine [data-text]")).to_have_text(["Who is on duty?"])
    times = [await person.page.locator(".message time").first.text_content() for person in (alice, bob)]
    assert times[0] != times[1], "each in their own zone"


async def test_errors_stand_beside_their_fields(
    site: LiveServer, app_user: NewAppPerson, new_window: NewPage
) -> None:
    alice = await app_user("alice")
    page = await new_window()
    await page.goto(f"{site.url}/app/chats/feed")
    await expect(page).to_have_url(re.compile(r"/app/sign-in\?next="))
    await page.get_by_role("link", name="Sign up", exact=True).click()
    await page.get_by_role("button", name="Create my account").click()
    for label in ("Username", "Password", "I accept the rules"):
        field = page.get_by_label(label)
        await expect(field).to_have_attribute("aria-invalid", "true")
        described = await field.get_attribute("aria-describedby") or ""
        await expect(page.locator(f"[id='{described.split()[0]}']")).to_have_class("error")
    await expect(page.get_by_label("Username")).to_be_focused()
    assert await problems_of(page) == []
    await page.get_by_label("Username").fill(alice.name.upper())
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("I accept the rules").check()
    await page.get_by_role("button", name="Create my account").click()
    await expect(page.locator(".field", has_text="Username").locator(".error")).to_have_text(
        re.compile("already")
    )


async def test_a_thread_from_start_to_close(app_user: NewAppPerson) -> None:
    alice, bob, charlie = await app_user("alice"), await app_user("bob"), await app_user("charlie")
    await alice.open_thread(bob)
    await alice.say("Do you have a minute?")
    thread = alice.path
    await bob.page.locator(".line", has_text=alice.name).click()
    await bob.sees("Do you have a minute?")
    await bob.composer.press_sequentially("Ye")
    await expect(alice.page.locator("[data-about]")).to_have_text(f"{bob.name} is writing…")
    await bob.composer.fill("Yes")
    await bob.composer.press("Enter")
    await alice.sees("Do you have a minute?", "Yes")
    await expect(bob.page.locator("[data-seen]")).to_have_text("Seen")
    await expect(alice.page.locator("[data-about]")).to_have_text("Here now")

    # One thread at a time: for whoever is in one, and for whoever wants to talk to them.
    await charlie.open_thread(bob)
    await expect(charlie.page.get_by_role("alert")).to_contain_text("in another thread")
    await charlie.is_accessible()
    await alice.open_thread(charlie)
    await expect(alice.page.get_by_role("alert")).to_contain_text("Close it first")
    await alice.is_accessible()
    await alice.page.get_by_role("link", name="Go to that thread").click()
    await alice.sees("Do you have a minute?", "Yes")
    await charlie.open(thread)
    await expect(charlie.page.get_by_text("There is no such chat")).to_be_visible()

    # Signing in leads straight into it.
    await bob.page.goto(f"{bob.server.url}/app/")
    await expect(bob.page).to_have_url(alice.page.url)

    await alice.close_thread()
    await expect(bob.page.locator(".closed-note")).to_contain_text(f"{alice.name} closed this thread")
    await expect(bob.composer).to_have_count(0)
    await charlie.open_thread(bob)
    await expect(bob.page.locator(".line", has_text=charlie.name)).to_be_visible()


def _fill_the_feed(name: str, count: int) -> None:
    user = person_named(name)
    post_together([Post(user, "feed", f"{name}: {number}\n" + "a line\n" * 5) for number in range(count)])


async def test_new_posts_of_the_feed_wait_for_who_has_scrolled_away(
    app_user: NewAppPerson, acting: DatabaseThreads
) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await alice.is_live()
    await acting.run(_fill_the_feed, bob.name, 12)
    newest = alice.messages.filter(has_text=f"{bob.name}: 11")
    await expect(newest).to_be_in_viewport()
    scroller = alice.page.locator("[data-scroller]")
    await scroller.evaluate("box => box.scrollTo({top: -900})")
    await expect(newest).not_to_be_in_viewport()
    place = "box => box.querySelector('[data-number]').getBoundingClientRect().top"
    before = await scroller.evaluate(place)
    await bob.say(f"{bob.name}: while away")
    await bob.say(f"{bob.name}: once more")
    await expect(alice.page.locator("[data-waiting]")).to_have_text("2 new")
    assert await scroller.evaluate(place) == before
    await alice.is_accessible()
    await alice.page.locator("[data-waiting]").click()
    await expect(alice.messages.filter(has_text=f"{bob.name}: once more")).to_be_in_viewport()
    await expect(alice.page.locator("[data-waiting]")).to_have_count(0)
    await bob.say(f"{bob.name}: glides in")
    await expect(alice.messages.filter(has_text=f"{bob.name}: glides in")).to_be_in_viewport()


def _tell_a_long_story(name: str, reader: str, parts: int) -> str:
    """The uri of a room in which `name` has told it; `reader` had left after a hundred parts."""
    user, other = person_named(name), person_named(reader)
    uri = create_room(user=user, name="A long story").uri
    add_member(user=user, chat=uri, username=reader)
    post_together([Post(user, uri, f"part {number}") for number in range(1, parts + 1)])
    mark_read(user=other, chat=uri, number=100)
    return uri


async def test_a_long_chat_is_read_page_by_page_and_a_link_opens_a_message_in_its_place(
    app_user: NewAppPerson, acting: DatabaseThreads
) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    uri = await acting.run(_tell_a_long_story, alice.name, bob.name, 400)
    scroller = bob.page.locator("[data-scroller]")

    await bob.open(f"/app/chats/{uri}")
    await expect(bob.page.get_by_text("part 400", exact=True)).to_be_in_viewport()
    jump = bob.page.get_by_role("button", name="Jump to when you left")
    await expect(jump).to_contain_text("250 unread")
    await bob.is_accessible()
    await jump.click()
    await expect(bob.page.get_by_text("part 101", exact=True)).to_be_in_viewport()
    line = bob.page.locator(".unread-line + .message [data-text]")
    await expect(line).to_have_text("part 101")
    await bob.is_accessible()

    # Up to the beginning and down to the end, with never more than so many on the page.
    for end, top in (("part 1", -10_000_000), ("part 400", 0)):
        wanted = bob.page.get_by_text(end, exact=True)
        for _ in range(40):
            await scroller.evaluate("(box, top) => box.scrollTo({top})", top)
            assert await bob.messages.count() <= 150
            if await wanted.count():
                break
            await bob.page.wait_for_timeout(100)
        await scroller.evaluate("(box, top) => box.scrollTo({top})", top)
        await expect(wanted).to_be_in_viewport()
        numbers = [int(text.split()[1]) for text in await bob.messages.all_text_contents()]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))

    await bob.open(f"/app/chats/{uri}?at=42")
    await expect(bob.page.get_by_text("part 42", exact=True)).to_be_in_viewport()
    await expect(bob.page.locator(".message:focus [data-text]")).to_have_text("part 42")
    await bob.is_accessible()


async def test_editing_and_deleting_also_where_no_worker_can_be_shared(app_user: NewAppPerson) -> None:
    alice, bob = await app_user("alice"), await app_user("bob")
    await bob.page.add_init_script("delete globalThis.SharedWorker")
    sockets: list[WebSocket] = []
    bob.page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - it marks the function
    await bob.page.reload()
    await bob.is_live()
    assert len(sockets) == 1
    await alice.open_thread(bob)
    await alice.say("Helo")
    await bob.page.locator(".line", has_text=alice.name).click()
    await bob.sees("Helo")
    await alice.sees("Helo")
    await alice.composer.press("ArrowUp")
    await expect(alice.composer).to_have_value("Helo")
    await alice.is_accessible()
    await alice.say("Hello")
    await bob.sees("Hello")
    await expect(bob.page.locator(".meta")).to_contain_text("edited")
    await alice.page.locator(".message-menu").click()
    await alice.is_accessible()
    await alice.page.get_by_role("menuitem", name="Delete").click()
    await alice.is_accessible()
    await alice.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for person in (alice, bob):
        await person.sees("This message was deleted.")
        await person.is_accessible()
    await expect(bob.page.get_by_role("button", name="What to do")).to_have_count(0)
