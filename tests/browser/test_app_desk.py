"""The desk in the app: what somebody writes to a bot on Telegram is before operators' eyes at once, and they take over."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from django.contrib.auth.models import Permission
from playwright.async_api import expect

from messaging.actions.accounts import change_rights, sign_up
from messaging.database import DatabaseThreads
from messaging.models import User
from tests.browser.app_person import AppPerson
from tests.browser.axe import problems_of
from tests.browser.conftest import UNLIMITED, NewAppPerson, NewPage
from tests.conftest import PASSWORD
from tests.kept_process import KeptProcess
from tests.live_server import LiveServer
from tests.services import ROOT, SERVICES
from webhooks.fakes import FakeTelegram

ADA = 41
WITHIN_S = 15


@pytest.fixture(scope="module")
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram(token="7000000001:telegram-canary-token") as fake:
        fake.secret = "telegram-canary-secret"
        fake.person(ADA, first_name="Ada", language_code="de", username="ada_on_telegram")
        yield fake


@pytest.fixture(scope="module")
async def site(
    site_database: str,
    telegram: FakeTelegram,
    tmp_path_factory: pytest.TempPathFactory,
    _collected_static_files: None,
) -> AsyncIterator[LiveServer]:
    """A server and a worker, which Telegram calls."""
    logs = tmp_path_factory.mktemp("server")
    env = UNLIMITED | {
        "BOT_MODULES": "tests.bots.parrot",
        "TELEGRAM_BOTS": "parrot",
        "TELEGRAM_PARROT_TOKEN": telegram.token,
        "TELEGRAM_PARROT_SECRET": telegram.secret,
        "TELEGRAM_API_URL": telegram.url,
    }
    server = LiveServer(database_url=site_database, env=env, log=logs / "server")
    worker = await asyncio.to_thread(
        lambda: KeptProcess(
            [sys.executable, "-m", "asgi_app.worker"],
            log=logs / "worker",
            env={**os.environ, "DATABASE_URL": site_database, **env},
            cwd=ROOT,
            directory=SERVICES.directory,
        )
    )
    try:
        await server.start()
        telegram.webhook_url = f"{server.url}/webhooks/telegram/parrot/"
        yield server
    finally:
        telegram.webhook_url = ""
        await server.close()
        await asyncio.to_thread(worker.kill)
    written = (logs / "server").read_text() + (logs / "worker").read_text()
    assert "Traceback" not in written, written[-20_000:]


def make_operator(name: str) -> User:
    user = sign_up(username=name, password=PASSWORD)
    operate = Permission.objects.get(codename="operate")
    change_rights(user=user, is_staff=False, is_superuser=False, groups=[], permissions=[operate])
    return user


def take_operating_away(user: User) -> None:
    change_rights(user=user, is_staff=False, is_superuser=False, groups=[], permissions=[])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.02)


async def test_an_operator_watches_takes_over_answers_and_hands_back(
    site: LiveServer,
    telegram: FakeTelegram,
    acting: DatabaseThreads,
    app_user: NewAppPerson,
    new_window: NewPage,
) -> None:
    user = await acting.run(make_operator, "olive")
    olive = AppPerson(await new_window(reduced_motion="reduce"), site, "olive")
    page = olive.page
    await olive.sign_in()
    await page.locator("[data-desk-link]").click()
    await expect(page.get_by_text("Nobody has written to a bot yet")).to_be_visible()
    problems = await problems_of(page)

    # Somebody writes, and is there without a reload: first in the list, then in the chat that is open.
    telegram.says(ADA, "/start")
    line = page.locator("[data-contact]")
    await expect(line.locator(".line-name")).to_have_text("Ada")
    assert (
        await line.locator(".line-name").evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"
    )
    await expect(line.locator("[data-holder]")).to_have_text("Bot")
    await line.click()
    await olive.sees("/start", "Hello, stranger!", "Choose:")
    await expect(page.locator(".offer.still")).to_have_text(["Page 1"])
    await expect(page.locator(".message.mine .author")).to_contain_text(["parrot"])
    await expect(page.locator("[data-about]")).to_have_text("Telegram · parrot · German")
    telegram.says(ADA, "good morning")
    spoken = ["/start", "Hello, stranger!", "Choose:", "good morning", "good morning"]
    await olive.sees(*spoken)
    await expect(line.locator(".desk-words")).to_have_text("parrot: good morning")
    await expect(page.locator("[data-delivery]").last).to_have_text("Sent")
    await expect(olive.composer).to_have_count(0)
    problems += await problems_of(page)

    # Once taken over the bot is silent, and whoever writes then waits.
    await olive.press("Take over")
    await expect(olive.composer).to_be_focused()
    telegram.says(ADA, "are you a bot?")
    await olive.sees(*spoken, "are you a bot?")
    await expect(line.locator("[data-waits]")).to_contain_text("Waits since")
    await expect(page.locator("[data-waiting-count]")).to_have_text("1")
    await page.get_by_role("button", name="Waiting").click()
    await expect(line).to_have_count(1)
    problems += await problems_of(page)
    await olive.say("No, I am Olive")
    await until(lambda: telegram.said_to(ADA)[-1] == "No, I am Olive")
    await expect(page.locator("[data-delivery]").last).to_have_text("Sent")
    await expect(line).to_have_count(0)
    await page.get_by_role("button", name="Mine").click()
    await expect(line.locator("[data-holder]")).to_have_text("You")
    await page.reload()
    spoken += ["are you a bot?", "No, I am Olive"]
    await olive.sees(*spoken)
    await olive.is_live()

    # Who it is; and what one finds on a phone.
    await page.get_by_role("link", name="About the contact").click()
    await expect(page.locator(".facts")).to_contain_text("@ada_on_telegram")
    problems += await problems_of(page)
    await olive.press("Ban")
    problems += await problems_of(page)
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.get_by_role("link", name="Close the details").click()
    await expect(page.locator(".chat-list")).not_to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await olive.has_large_targets()
    await olive.press("Hand back to the bot")
    await expect(olive.composer).to_have_count(0)
    telegram.says(ADA, "bye")
    await olive.sees(*spoken, "bye", "bye")
    await page.get_by_role("link", name="Back to the desk").click()
    await expect(line).to_be_visible()
    await olive.has_large_targets()
    problems += await problems_of(page)

    # Nobody else has a desk, and whoever is no operator any more has none from then on.
    charlie = await app_user("charlie")
    await charlie.is_live()
    await expect(charlie.page.locator("[data-desk-link]")).to_have_count(0)
    await charlie.open("/app/desk")
    await expect(charlie.page.get_by_text("The desk is for operators")).to_be_visible()
    await expect(charlie.page.locator("[data-contact]")).to_have_count(0)
    problems += await problems_of(charlie.page)
    # For the bot of a thread one's own buttons can be pressed.
    await charlie.page.get_by_role("link", name="People", exact=True).click()
    await charlie.page.locator(".person-button", has_text="parrot").click()
    await charlie.say("/start")
    await charlie.sees("/start", "Hello, stranger!", "Choose:")
    await charlie.press("Page 1")
    await charlie.sees("/start", "Hello, stranger!", "Page 1")
    problems += await problems_of(charlie.page)
    await acting.run(take_operating_away, user)
    await expect(page.get_by_text("The desk is for operators")).to_be_visible()
    await expect(line).to_have_count(0)
    assert problems == []
