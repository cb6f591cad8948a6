"""What the server does to those who keep it waiting: who never connect, answer no ping, let their credential run out,
or do not read. It has less patience here than it has for people.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from messaging.actions.accounts import create_token
from messaging.actions.messages import Post
from messaging.models import Ticket, Token
from tests.consumers.raw import RawClient
from tests.consumers.sdk import Sdk
from tests.consumers.stage import Actor, Cast, Stage, new_room, post_together

MIB = 1024 * 1024
ALIVE = [("connecting", 0, "connect called"), ("connected", 0, "")]


@pytest.fixture(scope="module")
def server_command() -> Sequence[str]:
    return ("tests.consumers.serve_hastily", "-b", "127.0.0.1")


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return {"LIVE_PING_S": "1"}


async def new_tickets(stage: Stage, actor: Actor, count: int) -> list[str]:
    answers = [await stage.request(actor, "POST", "/api/socket-tickets/") for _ in range(count)]
    return [answer["ticket"] for answer in answers]


def test_who_never_connects_is_sent_away(stage: Stage) -> None:
    with RawClient(stage) as stranger:
        assert stranger.close_said() == (3502, "stale")


@pytest.mark.needs_postgres
async def test_who_says_who_they_are_may_wait_for_us(stage: Stage, cast: Cast) -> None:
    """Longer than they may wait before they say so."""
    (ticket,) = await new_tickets(stage, cast.alice, 1)
    held, let_go = threading.Event(), threading.Event()
    holding = asyncio.create_task(stage.act(hold_tickets, held, let_go))

    def connect() -> None:
        with RawClient(stage) as alice:
            held.wait(10)
            threading.Timer(1.0, let_go.set).start()
            assert "connect" in alice.ask_for("connect", token=ticket)

    await asyncio.to_thread(connect)
    await holding


def hold_tickets(held: threading.Event, let_go: threading.Event) -> None:
    with transaction.atomic():
        assert list(Ticket.objects.select_for_update())
        held.set()
        let_go.wait(10)


def test_who_was_refused_and_stays_is_sent_away(stage: Stage) -> None:
    with RawClient(stage) as stranger:
        assert stranger.ask_for("connect", token="nonsense")["error"]["code"] == 101
        assert stranger.close_said() == (3502, "stale")


def test_who_answers_no_ping_is_told_to_come_back(stage: Stage, cast: Cast) -> None:
    with RawClient(stage) as alice:
        told = alice.connect(cast.alice)
        assert (told["ping"], told["pong"]) == (1, True)
        assert alice.close_said() == (3012, "no pong")


async def test_who_answers_stays(stage: Stage, cast: Cast, sdks: list[Sdk]) -> None:
    """For as long as others take to be found silent."""
    clients = [sdk(stage.server.ws_url, token=cast.alice.token) for sdk in sdks]
    await asyncio.gather(*(client.connect() for client in clients))
    await asyncio.to_thread(test_who_answers_no_ping_is_told_to_come_back, stage, cast)
    for client in clients:
        assert (await client.rpc("me", {}))["id"] == cast.alice.id
        assert client.states == ALIVE


async def test_a_connection_by_ticket_is_renewed_by_another_without_a_break(
    stage: Stage, cast: Cast, sdks: list[Sdk]
) -> None:
    clients = []
    for sdk in sdks:
        first, *others = await new_tickets(stage, cast.alice, 4)
        clients.append(sdk(stage.server.ws_url, token=first, tokens=others))
    await asyncio.gather(*(client.connect() for client in clients))
    for client in clients:
        await client.until(lambda client=client: client.tokens_wanted == 3)  # type: ignore[misc]
        assert (await client.rpc("me", {}))["id"] == cast.alice.id
        assert client.states == ALIVE
        assert not client.errors


async def test_a_connection_by_ticket_that_is_not_renewed_ends(stage: Stage, cast: Cast) -> None:
    tickets = await new_tickets(stage, cast.alice, 3)
    strangers = await new_tickets(stage, cast.charlie, 1)

    def connect(ticket: str) -> RawClient:
        client = RawClient(stage)
        told = client.ask_for("connect", token=ticket)["connect"]
        assert told["expires"] is True
        assert told["ttl"] == 1
        return client

    def converse() -> None:
        with connect(tickets[0]) as alice:
            assert alice.answer_until_closed() == (3005, "connection expired")
        with connect(tickets[1]) as alice:
            renewed = alice.ask_for("refresh", token=tickets[2])["refresh"]
            assert (renewed["expires"], renewed["ttl"]) == (True, 1)
            assert renewed["client"]
            alice.tell({"id": 90, "refresh": {"token": tickets[2]}})
            assert alice.close_said() == (3005, "connection expired"), "a spent one is asked for again"

    await asyncio.to_thread(converse)

    for token in (strangers[0], "nonsense", ""):
        (ticket,) = await new_tickets(stage, cast.alice, 1)

        def show(ticket: str = ticket, token: str = token) -> None:
            with connect(ticket) as alice:
                alice.tell({"id": 90, "refresh": {"token": token}})
                assert alice.close_said() == (3500, "invalid token")

        await asyncio.to_thread(show)


async def test_a_token_that_runs_out_ends_the_connection(stage: Stage, cast: Cast) -> None:
    token = await stage.act(new_short_token, cast.alice)

    def converse() -> None:
        with RawClient(stage) as alice:
            told = alice.ask_for("connect", token=token)["connect"]
            assert "expires" not in told, "its SDK could not renew it"
            assert alice.answer_until_closed() == (3005, "connection expired")
        with RawClient(stage) as alice:
            error = {"code": 109, "message": "token expired"}
            assert alice.ask_for("connect", token=token)["error"] == error

    await asyncio.to_thread(converse)


def new_short_token(actor: Actor) -> str:
    row, secret = create_token(user=actor.user)
    Token.objects.filter(pk=row.pk).update(expiry=timezone.now() + timedelta(seconds=1))
    return secret


async def test_who_does_not_read_their_own_recovery_holds_little_and_is_told_to_come_back(
    stage: Stage, cast: Cast
) -> None:
    """Twenty rooms with 400 KiB missed in each, asked for at once by clients who do not read. What one of them costs is
    told by how much more thirty take than ten: the rest is what a process takes to read replays at all.
    """
    uris = await stage.act(new_full_rooms, 20, cast.alice)
    place = {"recover": True, "epoch": await stage.epoch(), "offset": 1}
    subscribes = [{"channel": f"chat.{uri}", **place} for uri in uris]

    def recover_deafly(count: int) -> int:
        """The most memory that the server had meanwhile."""
        with ExitStack() as sockets:
            deaf = [sockets.enter_context(RawClient(stage, receive_buffer=4096)) for _ in range(count)]
            for each in deaf:
                each.connect(cast.alice)
            for each in deaf:
                each.tell(*({"id": 10 + at, "subscribe": what} for at, what in enumerate(subscribes)))
            most = 0
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                most = max(most, stage.server.rss_bytes)
                time.sleep(0.01)
            for each in deaf:
                assert each.close_said() in {(3008, "slow"), (3012, "no pong")}
        return most

    few, many = [await asyncio.to_thread(recover_deafly, count) for count in (10, 30)]
    assert many - few < 20 * MIB
    assert (await stage.ask(cast.alice, "me"))["id"] == cast.alice.id


def new_full_rooms(count: int, owner: Actor) -> list[str]:
    uris = [new_room(owner) for _ in range(count)]
    post_together([Post(owner.user, uri, "x" * 8000) for uri in uris for _ in range(50)])
    return uris
