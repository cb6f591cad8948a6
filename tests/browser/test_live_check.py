"""The page that says why it is not live names the broken hop, in a real browser behind a real proxy, and only that one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import NewPage
from tests.live_server import LiveServer
from tests.nginx import Nginx
from tests.services import free_port

Start = Callable[..., Awaitable[LiveServer]]

pytestmark = pytest.mark.django_db(transaction=True)

UPGRADE = (
    'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
)
FORWARDED = (
    "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; "
    "proxy_set_header X-Forwarded-Proto $scheme;"
)
WELL = "Everything between you and the server works"


# The impatient one first: it would not wait for a server that has others to answer, or that answers for the first time.
HOPS = {
    UPGRADE + FORWARDED + "proxy_read_timeout 2s;": "It is broken here: keeping it open.",
    UPGRADE + FORWARDED: WELL,
    FORWARDED: "It is broken here: opening a live connection.",
    UPGRADE + FORWARDED.replace("$scheme", "https"): "It is broken here: from here to the server.",
}


async def test_it_names_the_broken_hop(start_server: Start, new_window: NewPage, tmp_path: Path) -> None:
    server = await start_server(TRUSTED_PROXIES="1", LIVE_PING_S="4")
    ports = {free_port(): inside for inside in HOPS}
    assert len(ports) == len(HOPS)
    sites = (
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{server.port}; {inside} }} }}"
        for port, inside in ports.items()
    )

    async def check(window: Page, verdict: str) -> None:
        await expect(window.locator("[data-verdict]")).to_contain_text(verdict)
        broken = 0 if verdict == WELL else 1
        await expect(window.locator("[data-steps] > [data-well=false]")).to_have_count(broken)
        await expect(window.locator("[data-steps] .help")).to_have_count(broken)

    with Nginx(tmp_path, "\n".join(sites), next(iter(ports))):
        windows = {port: await new_window() for port in ports}
        await windows[next(iter(ports))].goto(f"{server.url}/live-check/")
        for port, window in windows.items():
            await window.goto(f"http://127.0.0.1:{port}/live-check/")
        await asyncio.gather(*(check(windows[port], HOPS[inside]) for port, inside in ports.items()))
