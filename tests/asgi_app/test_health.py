"""The probes: alive while the loop turns, ready while the database answers and nobody has said stop."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from asgi_app import health
from tests.services import STACK, Valkey


@pytest.fixture
def readiness(monkeypatch: pytest.MonkeyPatch) -> Iterator[health.Readiness]:
    """A fresh one in place of the process's own, which other tests may have asked."""
    fresh = health.Readiness()
    monkeypatch.setattr(health, "readiness", fresh)
    yield fresh
    fresh.close()


async def ask(application: Any = health.readyz) -> tuple[int, Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(application({}, None, send), 10)
    return sent[0]["status"], json.loads(sent[1]["body"])


REDIS = "unused" if STACK == "embedded" else "ok"


async def test_alive() -> None:
    assert await ask(health.healthz) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
async def test_ready(readiness: health.Readiness) -> None:
    assert await ask() == (200, {"status": "ready", "checks": {"database": "ok", "redis": REDIS}})


@pytest.mark.django_db(transaction=True)
async def test_not_ready_once_it_drains(readiness: health.Readiness) -> None:
    readiness.draining = True
    status, content = await ask()
    assert (status, content["status"]) == (503, "draining")


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
async def test_not_ready_without_a_database(
    readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setitem(connections.settings["default"], "PORT", str(nobody.getsockname()[1]))
        assert await ask() == (
            503,
            {"status": "unready", "checks": {"database": "unreachable", "redis": REDIS}},
        )


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
async def test_a_database_that_hangs_is_not_waited_for(
    readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setitem(connections.settings["default"], "PORT", str(mute.getsockname()[1]))
        status, content = await ask()
    assert (status, content["checks"]["database"]) == (503, "unreachable")


@pytest.mark.needs_redis
@pytest.mark.django_db(transaction=True)
async def test_without_redis_it_is_degraded_but_takes_traffic(
    readiness: health.Readiness, valkey: Valkey
) -> None:
    valkey.stop()
    expected = {"status": "degraded", "checks": {"database": "ok", "redis": "unreachable"}}
    assert await ask() == (200, expected)


@pytest.mark.needs_redis
@pytest.mark.django_db(transaction=True)
async def test_a_redis_that_hangs_is_not_waited_for(
    readiness: health.Readiness, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_S", 0.2)
    valkey.freeze()
    status, content = await ask()
    assert (status, content["checks"]["redis"]) == (200, "unreachable")


@pytest.mark.django_db(transaction=True)
async def test_probes_that_come_together_share_one_look(
    readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[None] = []
    look = health.Readiness._check_all

    async def counted(self: health.Readiness) -> dict[str, str]:
        looks.append(None)
        return await look(self)

    monkeypatch.setattr(health.Readiness, "_check_all", counted)
    answers = await asyncio.gather(*(ask() for _ in range(20)))
    await ask()
    assert len(looks) == 1
    assert {status for status, _ in answers} == {200}
    monkeypatch.setattr(health, "SHARE_S", 0.0)
    await ask()
    assert len(looks) == 2
