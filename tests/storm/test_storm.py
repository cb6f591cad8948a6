"""The storm: refuses real people's databases, keeps its verdict honest, and a rolling restart goes unnoticed in it.

PARLEY_STORM=full runs the rolling restart with 500 people; PARLEY_STORM_SEED repeats a run's choices.
"""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from asgi_app.storm.history import Kind, Violation
from asgi_app.storm.people import Toll
from asgi_app.storm.run import Plan, Storm, Verdict, percentile
from messaging.actions.chats import create_room
from messaging.actions.deployment import make_actors, mark_for_tests
from messaging.actions.messages import post_message
from messaging.database import DatabaseThreads
from messaging.errors import Conflict
from messaging.models import Deployment, Message, User
from tests.live_server import LiveServer, address_of_database
from tests.nginx import Nginx
from tests.services import ROOT, Valkey, free_port

Start = Callable[..., Awaitable[LiveServer]]

pytestmark = pytest.mark.django_db(transaction=True)

FULL = os.environ.get("PARLEY_STORM") == "full"
SEED = os.environ.get("PARLEY_STORM_SEED") or str(random.randrange(2**32))
LIMITS = ("ADDRESS_REQUESTS_PER_MINUTE", "HANDSHAKES_PER_MINUTE", "SOCKETS_PER_ADDRESS", "SOCKETS_PER_USER")
NO_LIMITS = dict.fromkeys(LIMITS, "1000000")


def plan(url: str, **changes: object) -> Plan:
    known: dict[str, object] = {"people": 20, "seconds": 4.0, "rate": 30.0, "seed": SEED}
    return Plan(url=url, **{**known, **changes})  # type: ignore[arg-type]


@pytest.fixture
def database(transactional_db: None) -> Iterator[DatabaseThreads]:
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)


async def storm(database: DatabaseThreads, url: str, **changes: object) -> Verdict:
    await database.run(mark_for_tests)
    verdict = await Storm(plan(url, **changes)).happen()
    sys.stdout.write("\n".join(verdict.lines()) + "\n")
    return verdict


def assert_nobody_noticed(verdict: Verdict) -> None:
    assert verdict.violations == []
    assert verdict.toll.posts > 0
    assert Message.objects.count() == verdict.toll.posts


async def test_people_who_come_and_go_miss_nothing(start_server: Start, database: DatabaseThreads) -> None:
    server = await start_server()
    verdict = await storm(database, server.url, drop_every_s=5.0, cuts=1)
    await database.run(assert_nobody_noticed, verdict)
    assert verdict.toll.http_errors == {}
    assert len(verdict.toll.comebacks_s) >= 6
    assert verdict.faults == ["cut"]
    assert 0 < percentile(verdict.toll.latencies_s, 50) < 1


@pytest.mark.needs_redis
async def test_a_fault_is_a_command_that_is_run(
    start_server: Start, database: DatabaseThreads, valkey: Valkey, tmp_path: Path
) -> None:
    server = await start_server()
    told = tmp_path / "told"
    verdict = await storm(database, server.url, faults=[f"touch {told}", "exit 3"], seconds=2.0)
    assert told.exists()
    assert sorted(verdict.faults) == ["exit 3: 3", f"touch {told}: 0"]


@pytest.mark.needs_redis
async def test_while_redis_is_restarted_and_a_process_killed(
    start_server: Start, database: DatabaseThreads, valkey: Valkey
) -> None:
    here, there = await asyncio.gather(start_server(), start_server())
    await database.run(mark_for_tests)
    run = Storm(plan(here.url, seconds=5.0))
    storming = asyncio.create_task(run.happen())
    await asyncio.wait((storming, asyncio.create_task(run.begun.wait())), return_when="FIRST_COMPLETED")
    await asyncio.to_thread(valkey.restart)
    await there.kill()
    await here.kill()
    await here.start()
    verdict = await storming
    sys.stdout.write("\n".join(verdict.lines()) + "\n")
    await database.run(assert_nobody_noticed, verdict)
    assert verdict.toll.closes[1006] >= 20


SITE = """
upstream parley {{ least_conn; {servers} }}
map $http_upgrade $parley_connection {{ default upgrade; "" close; }}
server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ proxy_pass http://parley; {inside} }} }}
"""


def site(port: int, servers: Sequence[LiveServer]) -> str:
    """What docs/deploy/nginx.conf says of passing requests on, without TLS."""
    written = (ROOT / "docs" / "deploy" / "nginx.conf").read_text()
    (options,) = re.findall(r"server 127.0.0.1:8001(.*);", written)
    upstreams = " ".join(f"server 127.0.0.1:{server.port}{options};" for server in servers)
    inside = written.partition("proxy_pass http://parley;")[2].partition("}")[0]
    return SITE.format(servers=upstreams, port=port, inside=inside)


@pytest.mark.timeout(400)
@pytest.mark.needs_redis
async def test_a_rolling_restart_of_three_processes_goes_unnoticed(
    start_server: Start, database: DatabaseThreads, tmp_path: Path
) -> None:
    servers = await asyncio.gather(*(start_server(TRUSTED_PROXIES="1", **NO_LIMITS) for _ in range(3)))
    port = free_port()
    with Nginx(tmp_path, site(port, servers), port) as nginx:
        await database.run(mark_for_tests)
        people, seconds, rate = (500, 60.0, 50.0) if FULL else (30, 20.0, 20.0)
        run = Storm(plan(f"http://127.0.0.1:{port}", people=people, seconds=seconds, rate=rate))
        storming = asyncio.create_task(run.happen())
        await asyncio.wait((storming, asyncio.create_task(run.begun.wait())), return_when="FIRST_COMPLETED")
        for server in servers:
            assert await server.terminate() == 0
            await server.start()
        assert not storming.done(), "it was over before the restarts were"
        verdict = await storming
        sys.stdout.write("\n".join(verdict.lines()) + "\n")
        statuses = nginx.statuses
    await database.run(assert_nobody_noticed, verdict)
    assert verdict.toll.http_errors == {}
    assert [status for status in statuses if status >= 500] == []
    assert verdict.toll.closes.keys() == {3001}
    assert len(verdict.toll.comebacks_s) >= people
    assert percentile(verdict.toll.comebacks_s, 99) < 5


# Whose database it may be


def test_it_refuses_a_database_that_is_not_marked(alice: User) -> None:
    with pytest.raises(CommandError, match="not marked for tests"):
        call_command("storm", "--url", "http://127.0.0.1:1")
    with pytest.raises(Conflict):
        make_actors("storm", 2)
    assert User.objects.count() == 1


def test_where_somebody_has_spoken_it_cannot_be_marked(alice: User) -> None:
    room = create_room(user=alice).uri
    post_message(user=alice, chat=room, text="hello")
    with pytest.raises(CommandError, match="Somebody has said something"):
        call_command("mark_for_tests")
    assert not Deployment.objects.get().for_tests


# The verdict


def test_the_verdict_names_what_was_broken() -> None:
    broken = [
        Violation(kind, "bob", "seq 7")
        for kind in (Kind.LOST, Kind.MISSED, Kind.REPEATED, Kind.DISORDER, Kind.ODD)
    ]
    verdict = Verdict(plan("http://127.0.0.1:1"), Toll(), broken)
    assert not verdict.is_kept
    text = "\n".join(verdict.lines())
    assert "lost 2, doubled 1, out of order 1, otherwise wrong 1" in text
    assert f"seed {SEED}" in text
    assert "LOST bob: seq 7" in text


async def test_the_command_says_it_all(start_server: Start, database: DatabaseThreads) -> None:
    server = await start_server()
    await database.run(call_command, "mark_for_tests")
    environment = {**os.environ, "DATABASE_URL": await database.run(address_of_database)}
    command = [sys.executable, "manage.py", "storm", "--url", server.url, "--people", "6", "--seconds", "2"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0, doubled 0, out of order 0, otherwise wrong 0" in done.stdout
