"""What a client sent ahead: in order, bounded, and lost to nobody who was cancelled while waiting."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from asgi_app.inbox import MAX_BYTES, MAX_MESSAGES, Inbox

END = {"type": "websocket.disconnect", "code": 1000}


@pytest.fixture
def heard() -> list[str]:
    """What the transport was told."""
    return []


@pytest.fixture
def inbox(heard: list[str]) -> Inbox:
    transport: Any = SimpleNamespace(
        pauseProducing=lambda: heard.append("pause"), resumeProducing=lambda: heard.append("resume")
    )
    return Inbox(transport)


async def test_in_order_and_then_the_end_as_often_as_it_is_asked_for(inbox: Inbox) -> None:
    for number in range(3):
        inbox.put({"text": str(number)}, 1)
    inbox.end(END)
    assert [(await inbox.get())["text"] for _ in range(3)] == ["0", "1", "2"]
    assert [await inbox.get(), await inbox.get()] == [END, END]


async def test_of_two_who_wait_each_gets_one(inbox: Inbox) -> None:
    first, second = (asyncio.create_task(inbox.get()) for _ in range(2))
    await asyncio.sleep(0)
    inbox.put({"text": "a"})
    inbox.put({"text": "b"})
    assert [each["text"] for each in await asyncio.gather(first, second)] == ["a", "b"]


@pytest.mark.parametrize("who", [0, 1])
async def test_who_is_cancelled_takes_nothing_along(inbox: Inbox, who: int) -> None:
    waiting = [asyncio.create_task(inbox.get()) for _ in range(2)]
    await asyncio.sleep(0)
    inbox.put({"text": "a"})
    cancelled = waiting.pop(who)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    async with asyncio.timeout(5):
        assert (await waiting[0])["text"] == "a"


@pytest.mark.parametrize(("count", "size"), [(MAX_MESSAGES + 1, 1), (2, MAX_BYTES)])
async def test_while_it_is_full_nothing_is_read(
    inbox: Inbox, heard: list[str], count: int, size: int
) -> None:
    for _ in range(count):
        assert heard == []
        inbox.put({"bytes": b""}, size)
    assert heard == ["pause"]
    for _ in range(count):
        await inbox.get()
    assert heard == ["pause", "resume"]
