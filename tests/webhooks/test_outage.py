"""The database gone while a platform calls: it is told to come again, and what it then brings is there once."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.live_server import LiveServer
from tests.services import Postgres
from tests.webhooks.conftest import TELEGRAM, TELEGRAM_SECRET, journal
from webhooks.fakes import FakeTelegram


@pytest.mark.needs_postgres
@pytest.mark.needs_redis
async def test_nothing_is_taken_while_the_database_is_away(
    start_server: Callable[..., Awaitable[LiveServer]], postgres: Postgres, telegram: FakeTelegram
) -> None:
    server = await start_server(TELEGRAM_BOTS="verses", TELEGRAM_VERSES_SECRET=TELEGRAM_SECRET)
    knock = telegram.knock_of(telegram.says(41, "Hello"))
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as platform:

        async def call(secret: str = TELEGRAM_SECRET) -> httpx.Response:
            headers = {**knock.headers, "X-Telegram-Bot-Api-Secret-Token": secret}
            return await platform.post(TELEGRAM, content=knock.body, headers=headers)

        assert (await call()).status_code == 200
        postgres.halt()
        put_off = await call()
        assert (put_off.status_code, put_off.json()["code"]) == (503, "unavailable")
        assert put_off.headers["retry-after"]
        # Whoever is not who they say is known without asking the database.
        assert (await call("wrong")).status_code == 403
        postgres.start()
        assert (await call()).status_code == 200
    [inbound] = await journal()
    assert inbound.raw is not None
    assert inbound.raw["message"]["text"] == "Hello"
    assert inbound.repeats == 1
