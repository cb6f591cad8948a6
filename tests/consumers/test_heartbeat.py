"""The one timer of all sockets."""

import asyncio

import pytest
from pytest_django import Settings

from consumers.heartbeat import Heartbeat


class Socket:
    def __init__(self, *, fails: bool = False) -> None:
        self.pings = 0
        self.asked = 0
        self.heard = asyncio.Event()
        self._fails = fails

    def ping(self) -> None:
        if self._fails:
            raise ValueError("this one is broken")
        self.pings += 1
        self.heard.set()

    def expect_pong(self) -> None:
        self.asked += 1

    async def until_pinged(self) -> None:
        self.heard.clear()
        async with asyncio.timeout(5):
            await self.heard.wait()


@pytest.fixture
def heartbeat(settings: Settings) -> Heartbeat:
    settings.LIVE_PING_S = 0.25
    return Heartbeat()


async def test_each_is_pinged_once_an_interval_and_asked_for_its_pong(heartbeat: Heartbeat) -> None:
    socket = Socket()
    heartbeat.add(socket)
    for pings in range(1, 4):
        await socket.until_pinged()
        assert socket.pings == pings
    assert 2 <= socket.asked <= 3
    heartbeat.discard(socket)


async def test_who_has_gone_is_not_pinged_and_who_comes_later_is(heartbeat: Heartbeat) -> None:
    gone, stays = Socket(), Socket()
    for socket in (gone, stays):
        heartbeat.add(socket)
    heartbeat.discard(gone)
    await stays.until_pinged()
    heartbeat.discard(stays)
    assert gone.pings == 0
    later = Socket()
    heartbeat.add(later)
    await later.until_pinged()
    heartbeat.discard(later)


async def test_one_that_fails_does_not_end_it_for_all(heartbeat: Heartbeat) -> None:
    told: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    broken, sound = Socket(fails=True), Socket()
    try:
        heartbeat.add(sound)
        heartbeat.add(broken)
        await sound.until_pinged()
        await sound.until_pinged()
    finally:
        loop.set_exception_handler(None)
        for socket in (broken, sound):
            heartbeat.discard(socket)
    assert told
    assert all(isinstance(error, ValueError) for error in told)
