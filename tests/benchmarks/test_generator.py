"""The load generator must notice what goes wrong, or its "100 %, in order" would mean nothing."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from benchmarks.fan_out import facts_of
from benchmarks.generator import Failed, Generator, Publisher, Report, Watch, _cpu_s_of_ours, build
from benchmarks.machine import Cores
from benchmarks.script import Script, expect, send

ANYWHERE = Cores(frozenset(), frozenset(), frozenset())
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of RFC 6455's example key, which the generator uses
CONNECTIONS = 3


@dataclass
class Room:
    """The simplest WebSocket server: a client's greeting is answered, and lines of the publisher go to all of them."""

    port: int = 0
    publish_port: int = 0
    greeting: bytes = b"welcome"
    greeted: list[bytes] = field(default_factory=list)
    posts: list[bytes] = field(default_factory=list)
    clients: list[asyncio.StreamWriter] = field(default_factory=list)
    serving: list[asyncio.Task[None] | None] = field(default_factory=list)

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                await self.serve_posts(head, reader, writer)
                return
            answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(f"{answer}Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n".encode())
            while True:
                self.greeted.append(await _read_frame(reader))
                if self.greeted[-1].startswith(b"ask"):
                    writer.write(_frame(b"answer" + self.greeted[-1].removeprefix(b"ask")))
                else:
                    writer.write(_frame(self.greeting))
                    self.clients.append(writer)

    async def serve_posts(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            self.posts.append(await reader.readexactly(length))
            status = b"201 Created" if len(self.posts) % 10 else b"503 Busy"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")
            head = await reader.readuntil(b"\r\n\r\n")

    async def serve_publisher(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        with contextlib.closing(writer):
            while line := await reader.readline():
                for client in self.clients:
                    client.write(_frame(line.strip()))


def _frame(payload: bytes) -> bytes:
    size = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + payload


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    _, size = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(size & 0x7F)))


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    async with (
        await asyncio.start_server(room.serve_client, "127.0.0.1", 0) as clients,
        await asyncio.start_server(room.serve_publisher, "127.0.0.1", 0) as publishers,
    ):
        room.port = clients.sockets[0].getsockname()[1]
        room.publish_port = publishers.sockets[0].getsockname()[1]
        yield room
        await asyncio.gather(*filter(None, room.serving))


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return build("loadgen", tmp_path_factory.mktemp("native"))


@pytest.fixture(params=["native", "slow"])
def generator(request: pytest.FixtureRequest, native: Path | None) -> Generator:
    """Both. Without a C compiler it is the slow one twice, as it is in `make bench` there."""
    return Generator(native if request.param == "native" else None, ANYWHERE)


def _clients(room: Room) -> Script:
    return Script(
        room.port,
        "/",
        steps=[send("I am %1%"), expect("welcome")],
        refuse="go away",
        columns=[[f"client {number}"] for number in range(CONNECTIONS)],
    )


async def _flow(
    generator: Generator, room: Room, fault: str, mode: str = "fanout", **settings: object
) -> Report:
    publisher = Publisher("tests.benchmarks.faulty_publisher", [str(room.publish_port), fault])
    usual = {"connections": CONNECTIONS, "window": 4, "seconds": 0.3, "warmup": 0, "stall": 0.5}
    return await asyncio.to_thread(
        generator.flow, mode, _clients(room), publisher, [os.getpid()], **{**usual, **settings}
    )


async def test_what_arrives_in_order_is_found_in_order(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "none")
    assert report["received"] == report["expected"] > 0
    assert (report["repeats"], report["gaps"], report["missed"], report["stalls"]) == (0, 0, 0, 0)
    assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"] <= report["latency_us"]["max"]
    assert 0 < report["told_s"] <= report["began_s"] <= report["wall_s"]
    assert sorted(room.greeted) == [b"I am client 0", b"I am client 1", b"I am client 2"]


async def test_events_that_change_places_are_noticed(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "swapped")
    assert report["repeats"] > 0
    assert report["gaps"] > 0


async def test_events_that_come_twice_are_noticed(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "twice")
    assert report["repeats"] > 0
    assert report["received"] == report["expected"]


async def test_lost_events_are_noticed(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "lost")
    assert report["received"] < report["expected"]
    assert report["stalls"] > 0


async def test_a_server_that_delivers_nothing_has_no_speed(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "dead")
    assert (report["received"], report["rounds"], report["told_s"], report["began_s"]) == (0, 0, 0, 0)
    facts = facts_of({**report, "server_cores": 1.0, "other_cores": 0.0})
    assert facts["delivered"] == 0
    assert {facts[name] for name in ("value", "whole", "p50", "p99", "server_us", "bytes")} == {None}


async def test_what_was_ready_may_come_early_and_does_not_count(native: Path | None, room: Room) -> None:
    if native is None:
        pytest.skip("Only the native generator asks for events that are ready.")
    report = await _flow(Generator(native, ANYWHERE), room, "early", window=1, ahead=4)
    assert report["published"] % 4 == 0
    assert 0 < report["rounds"] < report["published"]
    assert 0 < report["received"] == report["expected"] < report["published"] * CONNECTIONS
    assert (report["repeats"], report["gaps"], report["missed"]) == (0, 0, 0)


async def test_what_nobody_has_asked_for_ends_the_run(native: Path | None, room: Room) -> None:
    with pytest.raises(Failed, match=r"event \d+ came, but only \d+ were published"):
        await _flow(Generator(native, ANYWHERE), room, "early", window=1)


async def test_a_server_that_falls_behind_cannot_keep_up(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "silent", mode="paced", per_second=100, backlog=5, seconds=5)
    assert report["keeps_up"] is False
    assert report["wall_s"] < 2


async def test_a_paced_server_keeps_up(generator: Generator, room: Room) -> None:
    report = await _flow(generator, room, "none", mode="paced", per_second=100, backlog=20, seconds=0.5)
    assert report["keeps_up"] is True
    assert report["published"] == 50
    assert report["received"] == report["expected"]


async def test_a_refusal_ends_the_run_with_the_server_s_words(generator: Generator, room: Room) -> None:
    room.greeting = b"go away, please"
    with pytest.raises(Failed, match="go away, please"):
        await _flow(generator, room, "none")


async def test_connections_are_opened_in_steps(generator: Generator, room: Room) -> None:
    def hold() -> list[int]:
        with generator.holding(_clients(room), [os.getpid()], connections=CONNECTIONS) as held:
            return [held.open(1)["live"], held.open(CONNECTIONS)["live"]]

    assert await asyncio.to_thread(hold) == [1, CONNECTIONS]


async def test_every_connection_asks_again_when_it_is_answered(generator: Generator, room: Room) -> None:
    script = _clients(room).asking("ask %1% %n%", "answer %1% %n%")
    settings = {"connections": CONNECTIONS, "seconds": 0.3, "warmup": 0.1}
    report = await asyncio.to_thread(generator.ask, script, [os.getpid()], **settings)
    assert report["answered"] > CONNECTIONS
    assert report["refusals"] == 0
    asked = [text for text in room.greeted if text.startswith(b"ask client 1 ")]
    assert asked[:3] == [b"ask client 1 1", b"ask client 1 2", b"ask client 1 3"]


async def test_http_answers_are_counted_by_their_status(generator: Generator, room: Room) -> None:
    script = Script(room.port, "/", ask='{"text": "100 %", "n": "%i%-%n%"}', answer=" 201 ", is_http=True)
    settings = {"connections": CONNECTIONS, "seconds": 0.3, "warmup": 0}
    report = await asyncio.to_thread(generator.ask, script, [os.getpid()], **settings)
    assert report["answered"] > 0
    assert report["refusals"] > 0
    assert b'{"text": "100 %", "n": "2-1"}' in room.posts


async def test_no_letter_is_sent_twice(room: Room, generator: Generator) -> None:
    script = Script(
        room.port,
        "/posts",
        headers=["X-Letter: %1%"],
        is_http=True,
        ask='{"letter": "%1%", "body": "%2%"}',
        answer=" 201 ",
        letters=lambda: ((f"a{number}", f"b{number}") for number in range(100_000)),
    )
    settings = {"connections": CONNECTIONS, "seconds": 0.3, "warmup": 0.1}
    await asyncio.to_thread(generator.ask, script, [os.getpid()], **settings)
    assert len(room.posts) > CONNECTIONS
    assert len(set(room.posts)) == len(room.posts)
    assert {b'{"letter": "a%d", "body": "b%d"}' % (number, number) for number in range(CONNECTIONS)} <= set(
        room.posts
    )


async def test_too_few_letters_are_an_error(room: Room, generator: Generator) -> None:
    script = Script(
        room.port, "/posts", is_http=True, ask="%1%", answer=" 201 ", letters=lambda: [("a",)] * 3
    )
    with pytest.raises(Failed, match="too few letters"):
        await asyncio.to_thread(generator.ask, script, [os.getpid()], connections=CONNECTIONS, seconds=0.3)


def test_what_processes_used_that_have_ended_are_no_strangers() -> None:
    """Such as PostgreSQL's, of a server that connects for each request. Whoever else uses this machine is one."""
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    command = [sys.executable, "-I", "-S", "-c", spin]
    running = subprocess.Popen(command)
    watch = Watch([os.getpid()])
    start = f"import subprocess; subprocess.run({command!r}, check=True)"
    subprocess.run([sys.executable, "-I", "-S", "-c", start], check=True)
    running.wait()
    least_s = 0.5 if psutil.LINUX else 0.0
    assert least_s <= watch._ended_meanwhile_s(_cpu_s_of_ours()) < 1.5
