"""Flow (b): a person writes to the bot on Telegram; it answers there, and an operator sees both live."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from messaging.actions.accounts import create_token
from messaging.database import DatabaseThreads
from messaging.models import User
from tests.consumers.sdk import PythonClient
from tests.kept_process import KeptProcess
from tests.live_server import LiveServer
from tests.services import ROOT, SERVICES
from webhooks.fakes import FakeTelegram

ADA = 42


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as fake:
        fake.secret = "a-secret-of-ours"
        yield fake


@pytest.fixture
def database(transactional_db: None) -> Iterator[DatabaseThreads]:
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)


@pytest.fixture
async def site(
    start_server: Callable[..., Awaitable[LiveServer]],
    database_url: str,
    telegram: FakeTelegram,
    tmp_path: Path,
) -> AsyncIterator[LiveServer]:
    """A site with the parrot on Telegram, and with a worker where that is another process."""
    env = {
        "BOT_MODULES": "tests.bots.parrot",
        "TELEGRAM_BOTS": "parrot",
        "TELEGRAM_PARROT_TOKEN": telegram.token,
        "TELEGRAM_PARROT_SECRET": telegram.secret,
        "TELEGRAM_API_URL": telegram.url,
    }
    server = await start_server(**env)
    worker = None
    if os.environ.get("REDIS_URL"):
        worker = await asyncio.to_thread(
            lambda: KeptProcess(
                [sys.executable, "-m", "asgi_app.worker"],
                log=tmp_path / "worker.log",
                env={**os.environ, "DATABASE_URL": database_url, **env},
                cwd=ROOT,
                directory=SERVICES.directory,
            )
        )
    telegram.webhook_url = f"{server.url}/webhooks/telegram/parrot/"
    yield server
    if worker is not None:
        await asyncio.to_thread(worker.kill)


async def test_question_and_answer_are_live_at_the_desk(
    site: LiveServer, telegram: FakeTelegram, olive: User, database: DatabaseThreads
) -> None:
    _, token = await database.run(create_token, user=olive, name="desk")
    client = PythonClient(site.ws_url, token=token)
    await client.connect()
    desk = await client.follow("desk")
    telegram.person(ADA, first_name="Ada")
    await asyncio.to_thread(telegram.says, ADA, "Good morning")
    await client.until(lambda: desk.doorbells)
    chat = await client.follow(f"chat.{desk.doorbells[0]['chat']}")
    await asyncio.to_thread(telegram.says, ADA, "Are you there?")
    await client.until(
        lambda: any(
            event["type"] == "delivery.changed" and event["numbers"] == [4] for _, event in chat.heard
        )
    )
    spoken = [event["message"] for _, event in chat.heard if event["type"] == "message.posted"]
    assert [(each["author"]["username"], each["text"]) for each in spoken][-2:] == [
        ("Ada", "Are you there?"),
        ("parrot", "Are you there?"),
    ]
    assert telegram.said_to(ADA) == ["Good morning", "Are you there?"]
    headers = {"Authorization": f"Token {token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, trust_env=False) as http:
        [line] = (await http.get("/api/desk/chats/")).json()["chats"]
    assert (line["contact"]["name"], line["last_message"]["delivery"]) == ("Ada", "sent")
    await client.disconnect()
