"""Flow (b), whole: somebody writes on Telegram, the bot answers there, and an operator sees both live; however often
Telegram brings it, and however much of that at once.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from benchmarks.machine import raise_file_limit
from messaging.actions.accounts import create_token
from messaging.models import Delivery, Inbound, Message, User
from tests.consumers.sdk import PythonClient
from tests.kept_process import KeptProcess
from tests.live_server import LiveServer
from tests.services import ROOT, SERVICES
from webhooks.fakes import FakeTelegram
from webhooks.fakes.server import Knock

BOB = 41
WITHIN_S = 30.0
COPIES = 1000


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram(token="7000000001:telegram-canary-token") as fake:
        fake.secret = "telegram-canary-secret"
        fake.person(BOB, first_name="Bob")
        yield fake


@pytest.fixture
async def site(
    start_server: Callable[..., Awaitable[LiveServer]],
    database_url: str,
    telegram: FakeTelegram,
    tmp_path: Path,
) -> AsyncIterator[LiveServer]:
    """A server, and a worker where that is another process; Telegram calls it."""
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
        command = [sys.executable, "-m", "asgi_app.worker"]
        full = {**os.environ, "DATABASE_URL": database_url, **env}
        worker = await asyncio.to_thread(
            lambda: KeptProcess(
                command, log=tmp_path / "worker.log", env=full, cwd=ROOT, directory=SERVICES.directory
            )
        )
    telegram.webhook_url = f"{server.url}/webhooks/telegram/parrot/"
    yield server
    telegram.webhook_url = ""
    if worker is not None:
        await asyncio.to_thread(worker.kill)
        sys.stdout.write(f"--- log of the worker\n{(tmp_path / 'worker.log').read_text()[-3000:]}\n")


@sync_to_async
def token_of(user: User) -> str:
    try:
        return create_token(user=user)[1]
    finally:
        connection.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.02)


@pytest.mark.django_db(transaction=True)
async def test_an_operator_sees_question_and_answer_as_they_come(
    site: LiveServer, telegram: FakeTelegram, olive: User
) -> None:
    token = await token_of(olive)
    telegram.says(BOB, "good morning")
    await until(lambda: telegram.said_to(BOB))
    headers = {"Authorization": f"Token {token}"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers, trust_env=False) as http:
        [line] = (await http.get("/api/desk/chats/")).json()["chats"]
        assert line["contact"]["name"] == "Bob"
        operator = PythonClient(site.ws_url, token=token)
        await operator.connect()
        chat = await operator.follow(f"chat.{line['uri']}")
        telegram.says(BOB, "how are you?")
        await until(lambda: len(telegram.said_to(BOB)) == 2)
        answer = telegram.said_to(BOB)[1]
        await operator.until_told(chat, answer)
        assert chat.texts == ["how are you?", answer]
        # And the operator's words reach Bob.
        await http.post(f"/api/desk/chats/{line['uri']}/take/")
        await http.post(f"/api/chats/{line['uri']}/messages/", json={"text": "I am Olive"})
        await until(lambda: telegram.said_to(BOB)[-1] == "I am Olive")
        await operator.disconnect()
    assert set(telegram.answers) == {200}


async def bring(server: LiveServer, knock: Knock, copies: int) -> list[bytes]:
    """The same call on so many connections, each of its own: all are open before the first is written on, and all are
    written on before the first answer is read. The lines that the answers begin with.
    """
    raise_file_limit()
    head = {"Host": "127.0.0.1", "Content-Length": str(len(knock.body)), **knock.headers}
    lines = [
        "POST /webhooks/telegram/parrot/ HTTP/1.1",
        *(f"{name}: {value}" for name, value in head.items()),
    ]
    call = "\r\n".join([*lines, "", ""]).encode() + knock.body
    opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", server.port) for _ in range(copies)))
    for _, writer in opened:
        writer.write(call)
    answers = await asyncio.gather(*(reader.readline() for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    return list(answers)


@sync_to_async
def what_came_of_it() -> tuple[list[tuple[str, int]], list[str], list[str]]:
    """The journal with its repeats, the log's texts, and what became of deliveries."""
    try:
        return (
            list(Inbound.objects.values_list("state", "repeats")),
            list(Message.objects.order_by("number").values_list("text", flat=True)),
            list(Delivery.objects.values_list("state", flat=True)),
        )
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
async def test_a_thousand_copies_at_once_are_one_message_and_one_answer(
    site: LiveServer, telegram: FakeTelegram
) -> None:
    telegram.webhook_url = ""  # brought by hand
    knock = telegram.knock_of(telegram.says(BOB, "count"))
    async with asyncio.timeout(WITHIN_S):
        answers = await bring(site, knock, COPIES)
        assert set(answers) == {b"HTTP/1.1 200 OK\r\n"}
        found = await what_came_of_it()
        while not found[2] or "waiting" in (*found[2], *dict(found[0])):
            await asyncio.sleep(0.02)
            found = await what_came_of_it()
    assert found == ([("done", COPIES - 1)], ["count", "1"], ["sent"])
    assert telegram.said_to(BOB) == ["1"]
