"""What a page takes up: JavaScript's heap after a collection, nodes and listeners, as Chromium counts them."""

from typing import NamedTuple

from playwright.async_api import CDPSession, Page


class Counts(NamedTuple):
    heap_bytes: int
    nodes: int
    listeners: int


async def inspector_of(page: Page) -> CDPSession:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    return session


async def counted(session: CDPSession) -> Counts:
    for _ in range(2):  # what the first one finalises, the second one frees
        await session.send("HeapProfiler.collectGarbage")
    found = {
        each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]
    }
    return Counts(int(found["JSHeapUsedSize"]), int(found["Nodes"]), int(found["JSEventListeners"]))
