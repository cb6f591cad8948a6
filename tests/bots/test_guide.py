"""The bot of docs/write-a-bot.md, exactly as it stands there, in the conversation that the guide shows."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.actions.accounts import create_token
from messaging.database import DatabaseThreads
from messaging.models import User
from tests.kept_process import KeptProcess
from tests.live_server import LiveServer
from tests.services import ROOT, SERVICES

GUIDE = (ROOT / "docs" / "write-a-bot.md").read_text()
BOT = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]
ENLISTED_WITHIN_S = 20
ANSWERED_WITHIN_S = 10

pytestmark = pytest.mark.django_db(transaction=True)


def rows_of_the_conversation() -> list[tuple[str, str]]:
    table = GUIDE.partition("| you | the bot |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [(you, re.sub(r"\s*\*\(.*?\)\*", "", bot)) for you, bot in rows]


@pytest.fixture
async def site(
    start_server: Callable[..., Awaitable[LiveServer]], database_url: str, tmp_path: Path
) -> AsyncIterator[LiveServer]:
    """A site with the guide's file, and with a worker where that is another process."""
    (tmp_path / "hello.py").write_text(BOT)
    env = {"BOT_MODULES": "hello", "PYTHONPATH": str(tmp_path)}
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
    yield server
    if worker is not None:
        await asyncio.to_thread(worker.kill)


class Reader:
    """Somebody who follows the guide, over REST."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.chat = ""

    async def open(self) -> None:
        """Once the bot is there: it has its account from the worker, which may just be starting."""
        async with asyncio.timeout(ENLISTED_WITHIN_S):
            while True:
                answer = await self.http.post("/api/threads/", json={"username": "hello"})
                if answer.is_success:
                    self.chat = f"/api/chats/{answer.json()['uri']}/"
                    return
                await asyncio.sleep(0.1)

    async def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get(f"{self.chat}messages/")).json()["messages"]
        return found

    async def does(self, what: str) -> None:
        if what.startswith("`"):
            answer = await self.http.post(f"{self.chat}messages/", json={"text": what.strip("`")})
        else:
            title = what.rpartition("* ")[2]
            number, press = next(
                (message["number"], button["press"])
                for message in reversed(await self.messages())
                for button in buttons_of(message)
                if button["title"] == title
            )
            answer = await self.http.post(f"{self.chat}messages/{number}/press/", json={"press": press})
        assert answer.is_success, answer.text

    async def hears(self, text: str) -> None:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while True:
                if text in [message["text"] for message in await self.messages()]:
                    return
                await asyncio.sleep(0.05)


def buttons_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    extras = message["extras"] or {}
    rows: list[list[dict[str, Any]]] = [*extras.get("buttons", []), extras.get("replies", [])]
    return [button for row in rows for button in row]


async def test_the_guides_bot_has_the_guides_conversation(
    site: LiveServer, alice: User, database: DatabaseThreads
) -> None:
    _, token = await database.run(create_token, user=alice, name="guide")
    headers = {"Authorization": f"Token {token}"}
    rows = rows_of_the_conversation()
    assert len(rows) == 7
    async with httpx.AsyncClient(base_url=site.url, headers=headers, trust_env=False) as http:
        reader = Reader(http)
        await reader.open()
        for you, bot in rows:
            if you:
                await reader.does(you)
            await reader.hears(bot)
        texts = [message["text"] for message in await reader.messages()]
    assert texts.count("You have pressed 1 times.") == 1
    assert "You have pressed 0 times." not in texts
