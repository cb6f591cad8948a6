"""What Prometheus is told: only with the token, everything that the rules and the dashboard ask for, and each alert's
fault moves its number.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import yaml
from django.utils import timezone
from prometheus_client import REGISTRY
from websockets.asyncio.client import ClientConnection, connect

import asgi_app.requests  # noqa: F401 - it counts
from asgi_app.metrics import exposition
from asgi_app.worker import Chore, do_chores
from messaging.actions.answers import send_to_contact
from messaging.actions.bots import enlist_bots
from messaging.actions.broadcasts import confirm_broadcast, draft_broadcast
from messaging.actions.retention import claim_chore
from messaging.content import Text
from messaging.database import DatabaseThreads
from messaging.models import Broadcast, Delivery, Inbound, User
from tests.asgi_app.raw import RawSocket
from tests.conftest import PASSWORD
from tests.faults.stage import Person, make_people
from tests.live_server import LiveServer
from tests.messaging.test_broadcasts import people
from tests.monitoring import MONITORING, TOKEN, Sample, names_in, sample
from tests.services import ROOT, Postgres, Valkey

Start = Callable[..., Awaitable[LiveServer]]

pytestmark = pytest.mark.django_db(transaction=True)

ALERTS = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
SOON_S = 15.0


@pytest.fixture
async def server(start_server: Start) -> LiveServer:
    return await start_server(METRICS_TOKEN=TOKEN, LIVE_THREADS="1", HTTP_THREADS="1")


@pytest.fixture
async def database(transactional_db: None) -> AsyncIterator[DatabaseThreads]:
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)


async def until(server: LiveServer, holds: Callable[[Sample], bool]) -> Sample:
    async with asyncio.timeout(SOON_S):
        while not holds(now := await sample(server)):  # noqa: ASYNC110 - a scrape has no events
            await asyncio.sleep(0.05)
    return now


async def follow(server: LiveServer, person: Person, *streams: str) -> ClientConnection:
    socket = await connect(f"{server.ws_url}/connection/websocket", proxy=None)
    commands: list[dict[str, Any]] = [{"connect": {"token": person.token}}]
    commands += [{"subscribe": {"channel": stream}} for stream in streams]
    await socket.send("\n".join(json.dumps({"id": at + 1, **each}) for at, each in enumerate(commands)))
    for _ in commands:
        assert "error" not in str(await socket.recv())
    return socket


async def post(server: LiveServer, person: Person, count: int = 1) -> list[int]:
    async with httpx.AsyncClient(base_url=server.url, headers=person.headers, trust_env=False) as client:
        answers = [
            await client.post("/api/chats/feed/messages/", json={"text": f"hello {at}"})
            for at in range(count)
        ]
    return [answer.status_code for answer in answers]


async def test_only_whoever_shows_the_token_is_told(server: LiveServer, start_server: Start) -> None:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Token {TOKEN}"}):
            answer = await client.get("/metrics", headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert "parley_" not in answer.text


async def test_without_the_setting_there_is_no_such_page(start_server: Start) -> None:
    server = await start_server()
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.get("/metrics", headers={"Authorization": "Bearer anything"})
    assert answer.status_code == httpx.codes.NOT_FOUND


async def test_sockets_events_deliveries_and_their_lag_are_counted(
    server: LiveServer, database: DatabaseThreads
) -> None:
    alice, bob = await database.run(make_people, 2)
    sockets = [await follow(server, person, "chat.feed", f"user.{person.id}") for person in (alice, bob)]
    plain = await connect(f"{server.ws_url}/socket", proxy=None)
    now = await until(server, lambda now: now['parley_sockets{kind="plain"}'] == 1)
    assert now['parley_sockets{kind="live"}'] == 2
    assert now["parley_subscriptions"] == 4

    assert await post(server, alice, 3) == [201] * 3
    now = await until(server, lambda now: now["parley_deliveries_total"] == 9)
    assert now["parley_events_total"] == 3
    assert 1 <= now["parley_lag_seconds_count"] <= 3
    assert 0 < now["parley_lag_seconds_sum"] < 3
    assert (
        now[
            'parley_http_requests_total{method="POST",route="/api/chats/<chat_uri:uri>/messages/",status="201"}'
        ]
        == 3
    )

    for socket in (*sockets, plain):
        await socket.close()
    await until(server, lambda now: now.total("parley_sockets") == 0 and now["parley_subscriptions"] == 0)


def test_every_metric_that_the_rules_and_the_dashboard_ask_for_exists() -> None:
    asked = {
        name for file in ("alerts.yml", "grafana.json") for name in names_in((MONITORING / file).read_text())
    }
    assert len(asked) > 20
    counters_and_labels = asyncio.run(exposition()).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", counters_and_labels, re.MULTILINE))
    known = {name if kind != "histogram" else f"{name}_bucket" for name, kind in kinds.items()}
    assert asked - known == set()


def test_each_alert_s_fault_is_provoked_here() -> None:
    """By a test that names it."""
    provoked = "_".join(name for name in globals() if name.startswith("test_parley_"))
    for rule in ALERTS:
        words = re.findall(r"[A-Z][a-z]+", rule["alert"].removeprefix("Parley"))
        assert all(word.lower() in provoked for word in words), rule["alert"]


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_each_alert_has_a_paragraph_that_says_what_to_do(rule: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "operate.md").read_text()
    (paragraph,) = re.findall(rf"^\*\*{rule['alert']}\.\*\* (.+?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(paragraph.split()) > 20


# Each alert's fault, and the number that its rule looks at


async def test_parley_guessing_and_refusing(start_server: Start, database: DatabaseThreads) -> None:
    server = await start_server(METRICS_TOKEN=TOKEN, POSTS_PER_MINUTE="20")
    (alice,) = await database.run(make_people, 1)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        for _ in range(3):
            await client.post("/auth/token/login/", json={"username": alice.username, "password": "no"})
    assert await post(server, alice, 22) == [201] * 20 + [429] * 2
    now = await sample(server)
    assert now["parley_login_failures_total"] == 3
    assert now['parley_refusals_total{what="post"}'] == 2


async def test_parley_worker_gone(server: LiveServer, database: DatabaseThreads) -> None:
    await database.run(claim_chore, "prune_events", -7200.0)
    now = await until(server, lambda now: 'parley_chore_overdue_seconds{chore="prune_events"}' in now.lines)
    if 'parley_service_up{service="redis"}' in now.lines:  # else the server's own worker does it at once
        assert now['parley_chore_overdue_seconds{chore="prune_events"}'] >= 7200


def leave_undone() -> None:
    """Work that no worker has done for an hour: an inbound, two deliveries, and a broadcast to three people."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    bot = enlist_bots(["verses"])["verses"]
    for contact in people(2):
        send_to_contact(contact=contact.pk, author=bot, content=Text(text="hello"))
    Delivery.objects.update(created_at=an_hour_ago)
    Inbound.objects.create(
        platform="telegram",
        account="verses",
        external_id="1",
        person="ada",
        heard={},
        received_at=an_hour_ago,
    )
    author = User.objects.create_superuser("root", "", PASSWORD)
    ids = [contact.pk for contact in people(3)]
    draft = draft_broadcast(bot="verses", content=Text(text="news"), author=author, contacts=ids)
    confirm_broadcast(broadcast=draft.pk, user=author)
    Broadcast.objects.update(confirmed_at=an_hour_ago)


@pytest.mark.needs_redis  # else the server's own worker does it at once
async def test_parley_unsent_and_broadcast_stuck(server: LiveServer, database: DatabaseThreads) -> None:
    now = await sample(server)
    whats = ("inbound", "delivery", "broadcast")
    assert [now[f'parley_waiting{{what="{what}"}}'] for what in whats] == [0, 0, 0]
    await database.run(leave_undone)
    now = await sample(server)
    assert [now[f'parley_waiting{{what="{what}"}}'] for what in whats] == [1, 2, 3]
    for what in whats:
        assert 3600 <= now[f'parley_waiting_oldest_seconds{{what="{what}"}}'] < 3700
    await database.run(Broadcast.objects.update, state="paused")
    assert (await sample(server))['parley_waiting{what="broadcast"}'] == 0


async def test_parley_chores_fail() -> None:
    def fail() -> int:
        raise OSError("the disk is full")

    stop, labels = asyncio.Event(), {"chore": "hopeless", "outcome": "failed"}
    working = asyncio.create_task(do_chores(stop, (Chore("hopeless", fail, every_s=60),)))
    async with asyncio.timeout(SOON_S):
        while not REGISTRY.get_sample_value("parley_chores_total", labels):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
    stop.set()
    await working


@pytest.mark.needs_postgres
async def test_parley_database_unreachable_errors_and_server_errors(
    server: LiveServer, database: DatabaseThreads, postgres: Postgres
) -> None:
    (alice,) = await database.run(make_people, 1)
    assert await post(server, alice) == [201]
    await asyncio.to_thread(postgres.halt)
    assert await post(server, alice, 2) == [503] * 2
    now = await until(server, lambda now: now['parley_service_up{service="database"}'] == 0)
    assert now['parley_service_up{service="database"}'] == 0
    assert now.total("parley_database_errors_total") >= 1
    assert (
        now[
            'parley_http_requests_total{method="POST",route="/api/chats/<chat_uri:uri>/messages/",status="503"}'
        ]
        == 2
    )
    await asyncio.to_thread(postgres.start)
    await until(server, lambda now: now['parley_service_up{service="database"}'] == 1)


@pytest.mark.needs_redis
async def test_parley_redis_unreachable_repairing_late_and_layer_silent(
    server: LiveServer, database: DatabaseThreads, valkey: Valkey
) -> None:
    (alice,) = await database.run(make_people, 1)
    async with await follow(server, alice, "chat.feed") as socket:
        await asyncio.to_thread(valkey.kill)
        assert await post(server, alice) == [201]
        assert "hello 0" in str(await socket.recv())
        now = await until(server, lambda now: now["parley_layer_renewals_total"] > 0)
    assert now['parley_service_up{service="redis"}'] == 0
    assert now.total("parley_redis_errors_total") > 0
    assert now['parley_repairs_total{cause="comparison"}'] >= 1
    assert now["parley_lag_seconds_sum"] > 0.5


async def test_parley_threads_busy(server: LiveServer, database: DatabaseThreads) -> None:
    """One thread, held up by a log-in's hash, and everybody else behind it."""
    (alice,) = await database.run(make_people, 1)
    async with httpx.AsyncClient(base_url=server.url, headers=alice.headers, trust_env=False) as client:
        asking = [asyncio.create_task(client.get("/api/users/?q=a")) for _ in range(60)]
        now = await until(
            server, lambda now: now['parley_thread_queue{pool="http"}'] > 0 or all(a.done() for a in asking)
        )
        assert now['parley_thread_queue{pool="http"}'] > 0
        await asyncio.gather(*asking)
    await until(server, lambda now: now['parley_thread_queue{pool="http"}'] == 0)


async def test_parley_slow_sockets(server: LiveServer, database: DatabaseThreads) -> None:
    """A socket that does not read while much is said."""
    (alice,) = await database.run(make_people, 1)
    with RawSocket(server.port, "/socket", receive_buffer=4096) as deaf:
        assert deaf.is_accepted
        await until(server, lambda now: now['parley_sockets{kind="plain"}'] == 1)
        async with httpx.AsyncClient(base_url=server.url, headers=alice.headers, trust_env=False) as client:
            for _ in range(400):
                await client.post("/api/chats/feed/messages/", json={"text": "\N{PARROT}" * 8000})
                if (await sample(server))["parley_slow_closes_total"]:
                    return
    raise AssertionError("it was kept for ever")


async def test_parley_down(server: LiveServer) -> None:
    await server.kill()
    with pytest.raises(httpx.TransportError):
        await sample(server)
