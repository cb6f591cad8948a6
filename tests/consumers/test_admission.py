"""Who may open another socket: so many by address and by person, over all processes, and nobody's place is held for ever."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from consumers import admission as admission_module
from consumers.admission import Admission
from messaging.database import DatabaseThreads
from messaging.errors import TooMany
from messaging.limits import countable, network_of
from tests.asgi_app.raw import RawSocket
from tests.faults.stage import make_people
from tests.live_server import LiveServer
from tests.services import Valkey

Start = Callable[..., Awaitable[LiveServer]]

LIVE = "/connection/websocket"


# Nobody whom a server of an earlier test may still count in the same Redis.
SOMEBODY = 10**9


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "nonsense"),
    ],
)
def test_ipv6_is_counted_by_its_64(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("address", "proxies", "counted"),
    [
        ("198.51.100.7", 0, ""),  # documentation's, which counts as private
        ("127.0.0.1", 0, ""),
        ("10.0.0.7", 0, ""),
        ("8.8.8.8", 0, "8.8.8.8"),
        ("10.0.0.7", 1, "10.0.0.7"),
        ("8.8.8.8", 1, "8.8.8.8"),
        ("made up", 1, ""),
        ("", 1, ""),
    ],
)
def test_what_may_be_an_undeclared_proxy_is_not_held_against_everybody(
    address: str, proxies: int, counted: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert countable(address) == counted


_opened: list[RawSocket] = []


@pytest.fixture(autouse=True)
def _sockets_are_closed() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().socket.close()


def handshake(server: LiveServer, address: str = "", path: str = LIVE) -> RawSocket:
    headers = f"X-Forwarded-For: {address}\r\n" if address else ""
    _opened.append(RawSocket(server.port, path, headers=headers))
    return _opened[-1]


def answers(*sockets: RawSocket) -> list[str]:
    return [socket.handshake.split(" ", 2)[1] for socket in sockets]


@pytest.fixture
async def new_process(redis_url: str) -> AsyncIterator[Callable[[], Admission]]:
    """Makes what one process knows."""
    made: list[Admission] = []

    def make() -> Admission:
        made.append(Admission(redis_url))
        return made[-1]

    yield make
    for admission in made:
        await admission.close()


async def two_servers(start_server: Start, **env: str) -> list[LiveServer]:
    return await asyncio.gather(*(start_server(TRUSTED_PROXIES="1", **env) for _ in range(2)))


async def until_let_in(server: LiveServer, address: str) -> None:
    async with asyncio.timeout(10):
        while not handshake(server, address).is_accepted:  # noqa: ASYNC110 - nobody tells when there is a place
            await asyncio.sleep(0.1)


async def test_one_process_counts_the_sockets_of_an_address(start_server: Start) -> None:
    server = await start_server(TRUSTED_PROXIES="1", SOCKETS_PER_ADDRESS="2")
    sockets = [handshake(server, "203.0.113.7", path) for path in (LIVE, "/socket", LIVE)]
    assert answers(*sockets) == ["101", "101", "429"]
    assert "\r\nretry-after: 30\r\n" in sockets[-1].handshake
    assert answers(handshake(server, "203.0.113.8")) == ["101"]
    sockets[0].reset()
    await until_let_in(server, "203.0.113.7")


@pytest.mark.needs_redis
async def test_an_address_has_its_sockets_over_all_processes(start_server: Start) -> None:
    here, there = await two_servers(start_server, SOCKETS_PER_ADDRESS="3")
    neighbours = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"]
    sockets = [handshake(server, neighbours[at]) for at, server in enumerate((here, there, here, there))]
    assert answers(*sockets) == ["101", "101", "101", "429"]
    assert answers(handshake(here, "2001:db8:0:1::1")) == ["101"]
    sockets[0].reset()
    await until_let_in(there, "2001:db8::9")


@pytest.mark.needs_redis
async def test_a_killed_process_holds_nobodys_place(
    start_server: Start, monkeypatch: pytest.MonkeyPatch, new_process: Callable[[], Admission], settings: Any
) -> None:
    monkeypatch.setattr(admission_module, "EXPIRES_S", 1)
    settings.SOCKETS_PER_USER = 1
    gone, left = new_process(), new_process()
    scope: dict[str, Any] = {"client": None}
    await (await gone.enter("live", scope)).belongs_to(1)
    seat = await left.enter("live", scope)
    with pytest.raises(TooMany):
        await seat.belongs_to(1)
    seat.leave()
    await asyncio.sleep(1.1)  # `gone` says nothing more
    await (await left.enter("live", scope)).belongs_to(1)


@pytest.mark.needs_redis
async def test_handshakes_are_counted_over_all_processes(start_server: Start) -> None:
    here, there = await two_servers(start_server, HANDSHAKES_PER_MINUTE="6")
    sockets = [handshake(server, "203.0.113.7") for _ in range(4) for server in (here, there)]
    # Eight, unless a minute has ended meanwhile.
    assert answers(*sockets).count("429") == 2 or answers(*sockets).count("101") == 8


async def test_a_person_has_their_sockets(start_server: Start, transactional_db: None) -> None:
    server = await start_server(SOCKETS_PER_USER="2")
    threads = DatabaseThreads("tests", 1)
    alice, bob = await threads.run(make_people, 2)
    threads.close()

    def connect(token: str) -> tuple[RawSocket, Any]:
        socket = handshake(server)
        return socket, socket.ask(json.dumps({"id": 1, "connect": {"token": token}}))

    sockets = [connect(alice.token) for _ in range(3)]
    assert ["error" in answer for _, answer in sockets] == [False, False, True]
    assert sockets[2][1]["error"] == {"code": 111, "message": "too many requests", "temporary": True}
    assert "error" not in connect(bob.token)[1]
    sockets[0][0].reset()
    async with asyncio.timeout(10):
        while "error" in connect(alice.token)[1]:  # noqa: ASYNC110 - nobody tells when there is a place
            await asyncio.sleep(0.1)


@pytest.mark.needs_redis
async def test_a_person_has_their_sockets_over_all_processes_and_redis_may_be_restarted(
    new_process: Callable[[], Admission], settings: Any, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission_module, "REFRESH_EVERY_S", 0.1)
    settings.SOCKETS_PER_USER = 2
    here, there = new_process(), new_process()
    scope: dict[str, Any] = {"client": None}
    for process in (here, there):
        await (await process.enter("live", scope)).belongs_to(SOMEBODY)
    third = await here.enter("live", scope)
    with pytest.raises(TooMany):
        await third.belongs_to(SOMEBODY)
    third.leave()
    assert here.sockets["live"] == 1

    await asyncio.to_thread(valkey.kill)
    await (await here.enter("live", scope)).belongs_to(SOMEBODY)  # two here: each counts for itself
    await asyncio.to_thread(valkey.start)
    here._avoid_until = there._avoid_until = 0.0
    async with asyncio.timeout(10):
        while True:
            seat = await there.enter("live", scope)
            try:
                await seat.belongs_to(SOMEBODY)
            except TooMany:
                break
            finally:
                seat.leave()
            await asyncio.sleep(0.05)
