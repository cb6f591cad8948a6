"""However much a window receives, it does not grow: neither at the end of a chat, nor with its reader scrolled away."""

import os

import pytest
from playwright.async_api import Page, expect

from messaging.actions.messages import Post, post_messages
from messaging.database import DatabaseThreads
from messaging.events import Message
from messaging.queries.users import person_named
from tests.browser.conftest import NewAppPerson
from tests.browser.growth import counted, inspector_of

# The full form is 10000.
RECEIVED = int(os.environ.get("PARLEY_TEST_RECEIVED", "400"))
AT_ONCE = 50
MOST_HEAP_BYTES = 3_000_000
MOST_NODES = 600
# The newest is there, or so many wait.
KNOWS = """([last, waiting]) => document.querySelector(`[data-number="${last}"]`) !== null
    || document.querySelector("[data-waiting].strong")?.textContent.trim() === `${waiting} new`"""


def _post(name: str, count: int) -> int:
    """The number of the last."""
    user = person_named(name)
    posts = [Post(user, "feed", f"message {number}\nand more") for number in range(count)]
    last = post_messages(posts)[posts[-1]]
    assert isinstance(last, Message)
    return last.number


@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_scrolled_away", [False, True])
async def test_a_window_does_not_grow(
    app_user: NewAppPerson, acting: DatabaseThreads, is_scrolled_away: bool
) -> None:
    writer, reader = await app_user("alice"), await app_user("bob")
    await writer.page.close()
    page: Page = reader.page

    async def receive(count: int) -> None:
        """Each event by itself, over the live connection; the window has had them all when this returns."""
        for received in range(AT_ONCE, count + 1, AT_ONCE):
            last = await acting.run(_post, writer.name, AT_ONCE)
            await page.wait_for_function(KNOWS, arg=[last, received])

    await receive(200)
    await page.reload()
    await reader.is_live()
    await receive(200)
    if is_scrolled_away:
        await page.locator("[data-scroller]").evaluate("box => box.scrollTo({top: -1500})")
        await expect(page.locator("[data-waiting]")).to_be_visible()
    inspector = await inspector_of(page)
    before = await counted(inspector)
    await receive(RECEIVED)
    after = await counted(inspector)
    assert await reader.messages.count() <= 150
    assert after.nodes - before.nodes < MOST_NODES, (before, after)
    assert after.heap_bytes - before.heap_bytes < MOST_HEAP_BYTES, (before, after)
    assert after.listeners - before.listeners < MOST_NODES, (before, after)
