"""Tests of the real servers and browsers that other tests start."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Error, Page

from tests.live_server import LiveServer


async def readiness_of(server: LiveServer) -> str:
    async with httpx.AsyncClient(base_url=server.url) as client:
        return str((await client.get("/readyz")).json()["status"])


async def test_a_server_comes_back_at_its_address_after_a_kill(server: LiveServer) -> None:
    first = server.pid
    await server.kill()
    with pytest.raises(httpx.ConnectError):
        await readiness_of(server)
    await server.start()
    assert server.pid != first
    assert await readiness_of(server) == "ready"
    assert await server.terminate() == 0


async def test_a_server_that_cannot_start_says_why(
    start_server: Callable[..., Awaitable[LiveServer]],
) -> None:
    with pytest.raises(RuntimeError, match="SECRET_KEY is not set"):
        await start_server(SECRET_KEY="")


@pytest.mark.needs_redis
async def test_two_servers_run_side_by_side(start_server: Callable[..., Awaitable[LiveServer]]) -> None:
    one, other = await start_server(), await start_server()
    assert one.port != other.port
    assert [await readiness_of(one), await readiness_of(other)] == ["ready", "ready"]


async def test_no_browser_reaches_another_machine(page: Page) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://example.org/")
