"""What befalls connections that stay, and threads that talk: the load generator must notice what goes wrong there, too."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from benchmarks.generator import Generator, Held, Publisher, Report, build
from benchmarks.machine import Cores
from benchmarks.script import Script, expect, send

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of RFC 6455's example key, which the generator uses
TEXT, CLOSE, GOING = b"\x81", b"\x88", b"\x03\xe8"
CLIENTS = 4
BASE = 1000


@dataclass
class LogServer:
    """A log that is followed from anywhere: `from N` is answered with `welcome` and what came after N. Lines of the publisher
    are appended. And threads: `thread K` is answered, and `say K TEXT` goes to both who are in it."""

    port: int = 0
    publish_port: int = 0
    log: list[bytes] = field(default_factory=list)
    threads: dict[bytes, list[asyncio.StreamWriter]] = field(default_factory=dict)
    followers: list[asyncio.StreamWriter] = field(default_factory=list)
    forgets: int = 0
    """this event is left out of what is read from the log, and of what is said in threads"""
    keeps: int = 1 << 30
    """who has missed more is sent nothing of that, and told where the log ends"""
    closes_at: int = 0
    """when this event comes, whoever came last is closed with 3008"""
    goodbyes: int = 0
    ends: int = 0
    serving: list[asyncio.Task[None] | None] = field(default_factory=list)

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(f"{answer}Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n".encode())
            while True:
                said = await _read_frame(reader)
                if said == GOING:
                    self.goodbyes += 1
                    writer.write(_frame(GOING, CLOSE))
                    break
                self.take(said, writer)
        if writer in self.followers:
            self.followers.remove(writer)
        self.ends += 1

    def take(self, said: bytes, writer: asyncio.StreamWriter) -> None:
        word, _, rest = said.partition(b" ")
        if word == b"from":
            self.followers.append(writer)
            missed = self.log[int(rest) - BASE :]
            if len(missed) > self.keeps:
                writer.write(_frame(b"lost, go on at %d" % (BASE + len(self.log))))
                return
            writer.write(_frame(b"welcome"))
            for at, event in enumerate(missed, int(rest) - BASE + 1):
                if at != self.forgets:
                    writer.write(_frame(event))
        elif word == b"thread":
            self.threads.setdefault(rest, []).append(writer)
            writer.write(_frame(b"welcome"))
        elif word == b"say":
            thread, _, text = rest.partition(b" ")
            if self.forgets == 0 or b"~%010d~" % self.forgets not in text:
                for each in self.threads[thread]:
                    each.write(_frame(b"said " + text))

    async def serve_publisher(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        with contextlib.closing(writer):
            while line := await reader.readline():
                self.log.append(line.strip())
                for follower in self.followers:
                    follower.write(_frame(line.strip()))
                if len(self.log) == self.closes_at:
                    last = self.followers.pop()
                    last.write(_frame(b"\x0b\xc0too slow", CLOSE))
                    last.close()


def _frame(payload: bytes, kind: bytes = TEXT) -> bytes:
    size = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return kind + size + payload


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    _, size = await reader.readexactly(2)
    length = size & 0x7F
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4)
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(length)))


@pytest.fixture
async def server() -> AsyncIterator[LogServer]:
    server = LogServer()
    async with (
        await asyncio.start_server(server.serve_client, "127.0.0.1", 0) as clients,
        await asyncio.start_server(server.serve_publisher, "127.0.0.1", 0) as publishers,
    ):
        server.port = clients.sockets[0].getsockname()[1]
        server.publish_port = publishers.sockets[0].getsockname()[1]
        yield server
        await asyncio.gather(*filter(None, server.serving))


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    program = build("loadgen", tmp_path_factory.mktemp("native"))
    if program is None:
        pytest.skip("only the load generator in C can do this, and it needs Linux and a C compiler")
    return Generator(program, Cores(frozenset(), frozenset(), frozenset()))


@contextlib.contextmanager
def _holding(generator: Generator, server: LogServer, **settings: object) -> Iterator[Held]:
    script = Script(
        server.port, "/", steps=[send("from %o%"), expect("welcome")], afresh="lost", offset="go on at "
    )
    publisher = Publisher("tests.benchmarks.faulty_publisher", [str(server.publish_port), "none"])
    usual = {"connections": CLIENTS, "base": BASE, "stall": 0.5}
    with generator.holding(script, [os.getpid()], publisher, **{**usual, **settings}) as held:
        yield held


async def _done(generator: Generator, server: LogServer, *commands: str, **settings: object) -> list[Report]:
    def do() -> list[Report]:
        with _holding(generator, server, **settings) as held:
            return [held.do(command) for command in commands]

    return await asyncio.to_thread(do)


async def test_whoever_comes_in_a_storm_has_what_they_missed(generator: Generator, server: LogServer) -> None:
    _, calm, storm, after = await _done(
        generator, server, "open 1", "pace 200 0.1", "storm 4 15 100", "pace 100 0.05", watched=1
    )
    assert (calm["published"], calm["received"], calm["expected"]) == (20, 20, 20)
    assert storm["live"] == CLIENTS
    assert storm["received"] == storm["expected"] >= 45
    assert (storm["gaps"], storm["repeats"]) == (0, 0)
    assert after["received"] == after["expected"] == 5 * CLIENTS
    assert calm["latency_us"]["count"] == 20  # of those who are watched
    assert after["latency_us"]["count"] == 5


async def test_what_a_storm_loses_is_noticed(generator: Generator, server: LogServer) -> None:
    server.forgets = 8
    _, _, storm = await _done(generator, server, "open 1", "pace 200 0.1", "storm 4 15 100")
    assert storm["gaps"] == storm["missed"] == CLIENTS - 1
    assert storm["received"] == storm["expected"] - (CLIENTS - 1)


async def test_those_who_stop_to_read_are_told_why_they_were_closed_and_come_again(
    generator: Generator, server: LogServer
) -> None:
    server.closes_at = 15
    commands = ("open 4", "stop 3 4", "pace 200 0.1", "read 3 4", "again 4")
    _, _, pace, read, again = await _done(generator, server, *commands)
    assert pace["received"] == pace["expected"] == 20 * (CLIENTS - 1)
    assert read["closes"] == {"3008": 1}
    assert read["lost"] == 1
    assert again["live"] == CLIENTS
    assert again["received"] == again["expected"] == 5
    assert (again["gaps"], again["afresh"]) == (0, 0)


async def test_who_has_missed_too_much_goes_on_from_where_the_server_says(
    generator: Generator, server: LogServer
) -> None:
    server.closes_at, server.keeps = 15, 4
    commands = ("open 4", "stop 3 4", "pace 200 0.1", "read 3 4", "again 4", "pace 200 0.1")
    *_, again, after = await _done(generator, server, *commands)
    assert (again["live"], again["afresh"]) == (CLIENTS, 1)
    assert again["received"] == again["expected"] == 0
    assert after["received"] == after["expected"] == 20 * CLIENTS
    assert (after["gaps"], after["repeats"], after["afresh"]) == (0, 0, 0)


async def test_a_pace_ends_when_it_is_enough(generator: Generator, server: LogServer) -> None:
    asked: list[int] = []

    def is_enough() -> bool:
        asked.append(len(server.log))
        return len(server.log) >= 5

    def do() -> Report:
        with _holding(generator, server) as held:
            held.open(CLIENTS)
            return held.do("pace 100 30", is_enough)

    report = await asyncio.to_thread(do)
    assert 5 <= report["published"] < 300
    assert report["received"] == report["expected"]
    assert asked[-1] >= 5


async def test_every_other_connection_goes_with_a_goodbye(generator: Generator, server: LogServer) -> None:
    churn, opened = await _done(generator, server, "churn 40", "open 4", parallel=2)
    assert churn["cycles"] == 40
    assert churn["live"] == churn["lost"] == churn["refused"] == 0
    assert server.goodbyes == 20
    assert server.ends >= 40
    assert opened["live"] == CLIENTS


async def _talk(generator: Generator, server: LogServer, warmup: float = 0.05) -> Report:
    script = Script(
        server.port,
        "/",
        steps=[send("thread %1%"), expect("welcome")],
        columns=[[str(at % 2)] for at in range(CLIENTS)],
    ).talking("say %1% ~%m%~", hear="said")
    settings: dict[str, float] = {"connections": CLIENTS, "warmup": warmup, "seconds": 0.2, "stall": 0.3}
    return await asyncio.to_thread(generator.talk, script, [os.getpid()], **settings)


async def test_threads_talk_in_turns(generator: Generator, server: LogServer) -> None:
    report = await _talk(generator, server)
    assert report["received"] == report["expected"] > report["heard"] > 4
    assert (report["gaps"], report["repeats"]) == (0, 0)
    assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"]


async def test_a_thread_that_falls_silent_is_noticed(generator: Generator, server: LogServer) -> None:
    server.forgets = 50
    report = await _talk(generator, server, warmup=0)
    assert report["expected"] - report["received"] == 4  # two threads, both people in each
