"""Platforms for the tests: the product's own fakes, our accounts on them, and the door that they knock at."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import override_settings

from messaging.models import Inbound
from webhooks.fakes import FakeMessenger, FakeTelegram
from webhooks.fakes.server import Knock
from webhooks.ingest import application, threads
from webhooks.platforms.calls import new_client

TELEGRAM_SECRET = "telegram-canary-secret"
VERIFY_TOKEN = "verify-canary-token"
TELEGRAM = "/webhooks/telegram/verses/"
MESSENGER = "/webhooks/messenger/verses/"


JSON = {"Content-Type": "application/json"}


def signed(messenger: FakeMessenger, body: bytes) -> Knock:
    return Knock(body, {**JSON, "X-Hub-Signature-256": messenger.signature(body)})


def update(**content: Any) -> Knock:
    headers = {**JSON, "X-Telegram-Bot-Api-Secret-Token": TELEGRAM_SECRET}
    return Knock(json.dumps(content).encode(), headers)


def said_by(messenger: FakeMessenger, person: str, mid: str, text: str, **fields: Any) -> dict[str, Any]:
    return {
        "sender": {"id": person},
        "recipient": {"id": messenger.page_id},
        "timestamp": 1_760_000_000_000,
        "message": {"mid": mid, "text": text},
        **fields,
    }


@pytest.fixture(scope="session", autouse=True)
def _threads_end(django_db_setup: None) -> Iterator[None]:
    """Before the database does: one that somebody is connected to cannot be dropped."""
    yield
    threads.close(wait_s=10)


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram(token="7000000001:telegram-canary-token") as fake:
        fake.secret = TELEGRAM_SECRET
        account = {"token": fake.token, "secrets": (TELEGRAM_SECRET,)}
        with override_settings(TELEGRAM_BOTS={"verses": account}, TELEGRAM_API_URL=fake.url):
            yield fake


@pytest.fixture
def messenger() -> Iterator[FakeMessenger]:
    with FakeMessenger(app_secret="messenger-canary-secret", access_token="messenger-canary-token") as fake:
        account = {
            "page_id": fake.page_id,
            "app_secrets": (fake.app_secret,),
            "verify_token": VERIFY_TOKEN,
            "access_token": fake.access_token,
        }
        with override_settings(MESSENGER_PAGES={"verses": account}, MESSENGER_API_URL=fake.url):
            yield fake


@pytest.fixture
async def door() -> AsyncIterator[httpx.AsyncClient]:
    """The door in, without a network."""
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The one that adapters are given."""
    async with new_client() as client:
        yield client


async def knock(door: httpx.AsyncClient, path: str, *knocks: Knock) -> list[int]:
    """The statuses of these calls, one after the other."""
    return [(await door.post(path, content=each.body, headers=each.headers)).status_code for each in knocks]


@sync_to_async
def journal() -> list[Inbound]:
    """Everything that has been stored, in order."""
    try:
        return list(Inbound.objects.order_by("pk"))
    finally:
        connection.close()
