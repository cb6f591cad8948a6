"""However much a window receives, it does not grow: neither at the end of a chat, nor with its reader scrolled away."""

import asyncio
import os

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.app_person import AppPerson
from tests.browser.conftest import NewAppPerson
from tests.browser.growth import counted, inspector_of
from tests.live_server import LiveServer

# The full form is 10000.
RECEIVED = int(os.environ.get("PARLEY_TEST_RECEIVED", "400"))
WRITERS = 8
MOST_HEAP_BYTES = 3_000_000
MOST_NODES = 600


async def receive(person: AppPerson, site: LiveServer, count: int) -> None:
    """Has so many messages posted to the feed and waits until the window knows of the last one."""
    session = await person.page.evaluate("JSON.parse(localStorage['parley.session'])")
    headers = {"Authorization": f"Token {session['token']}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, trust_env=False, timeout=30) as client:

        async def write(amount: int) -> None:
            for number in range(amount):
                answer = await client.post(
                    "/api/chats/feed/messages/", json={"text": f"message {number}\nand more"}
                )
                answer.raise_for_status()

        await asyncio.gather(*(write(count // WRITERS) for _ in range(WRITERS)))
        last = (await client.get("/api/chats/feed/messages/?limit=1")).json()["messages"][0]["number"]
    await expect(
        person.page.locator(f"[data-number='{last}'], [data-waiting]:has-text('new')").first
    ).to_be_attached()


@pytest.mark.parametrize("is_scrolled_away", [False, True])
async def test_a_window_does_not_grow(
    site: LiveServer, app_user: NewAppPerson, is_scrolled_away: bool
) -> None:
    writer, reader = await app_user("alice"), await app_user("bob")
    await receive(writer, site, 200)
    await reader.page.reload()
    await reader.is_live()
    await receive(writer, site, 200)
    if is_scrolled_away:
        await reader.page.locator("[data-scroller]").evaluate("box => box.scrollTo({top: -1500})")
    inspector = await inspector_of(reader.page)
    before = await counted(inspector)
    await receive(writer, site, RECEIVED)
    after = await counted(inspector)
    assert await reader.messages.count() <= 150
    assert after.nodes - before.nodes < MOST_NODES, (before, after)
    assert after.heap_bytes - before.heap_bytes < MOST_HEAP_BYTES, (before, after)
    assert after.listeners - before.listeners < MOST_NODES, (before, after)
