"""The load generator for machines without Linux or a C compiler: what native/loadgen.c does, slower, in Python.

The same modes, settings, scripts and output, which are explained there and in native/clients.h.
"""

import asyncio
import json
import mmap
import os
import re
import resource
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY, ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NUMBER = re.compile(rb"~(\d{10})~")
SLOTS = 1 << 16
TIMES = struct.Struct("=qq")


class Failed(Exception):
    """The run cannot go on; the text says why."""


def settings() -> dict[str, str]:
    return dict(argument.split("=", 1) for argument in sys.argv[2:])


class Script:
    """What clients say and hear."""

    def __init__(self, file: Path) -> None:
        self.headers = b""
        self.steps: list[tuple[str, bytes]] = []
        self.words: dict[str, bytes] = {}
        self.is_http = False
        for line in file.read_text().splitlines():
            word, _, text = line.partition(" ")
            value = re.sub(
                r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text
            ).encode()
            if word in ("send", "expect"):
                self.steps.append((word, value))
            elif word == "header":
                self.headers += value + b"\r\n"
            elif word == "http":
                self.is_http = True
            else:
                self.words[word] = value

    def word(self, name: str) -> bytes:
        return self.words.get(name, b"")


class Times:
    """Durations in nanoseconds, and what they amount to."""

    def __init__(self) -> None:
        self.all: list[int] = []

    def told(self) -> dict[str, float]:
        if not self.all:
            return {"count": 0}
        ordered = sorted(self.all)
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
        found = {name: ordered[int(share * len(ordered))] / 1000 for name, share in shares.items()}
        return {"count": len(ordered), **found, "max": ordered[-1] / 1000}


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, index: int, crowd: "Crowd") -> None:
        self.index = index
        self.columns: list[bytes] = []
        self.last = self.asked = self.since_ns = 0
        self.is_live = False
        self._crowd = crowd
        self._step = 0
        self._rest = b""
        self._is_shaken = False

    async def open(self) -> None:
        self._step, self._rest, self._is_shaken, self.since_ns = 0, b"", False, time.monotonic_ns()
        await asyncio.get_running_loop().create_connection(lambda: self, self._crowd.host, self._crowd.port)

    def filled(self, template: bytes) -> bytes:
        values = {b"i": b"%d" % self.index, b"n": b"%d" % self.asked}
        values |= {b"%d" % number: column for number, column in enumerate(self.columns, 1)}
        return re.sub(rb"%(\w)%", lambda found: values.get(found[1], found[0]), template)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._crowd.script.is_http:
            self._go_on()
        else:
            head = b"GET %s HTTP/1.1\r\n%s" % (self._crowd.script.word("path"), self._crowd.common_headers())
            upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            transport.write(self.filled(head) + upgrade + KEY + b"\r\n\r\n")

    def connection_lost(self, exception: Exception | None) -> None:
        self._crowd.lose(self, "the connection ended")

    def data_received(self, data: bytes) -> None:
        at_ns = time.monotonic_ns()
        self._crowd.bytes += len(data)
        data, at = self._rest + data, 0
        while at < len(data) and (used := self._take(data, at, at_ns)):
            at += used
        self._rest = data[at:]

    def _take(self, data: bytes, at: int, at_ns: int) -> int:
        """Takes one thing that begins at `at`; returns its length, 0 if it is not complete."""
        if self._crowd.script.is_http:
            return self._take_http_answer(data, at, at_ns)
        if self._is_shaken:
            return self._take_frame(data, at, at_ns)
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return 0
        if b" 101 " not in data[at:end] or ACCEPT not in data[at:end]:
            self._crowd.lose(self, data[at:end].splitlines()[0].decode("latin-1"))
            self._transport.abort()
        else:
            self._is_shaken = True
            self._go_on()
        return end + 4 - at

    def _take_frame(self, data: bytes, at: int, at_ns: int) -> int:
        if len(data) < at + 2:
            return 0
        length, header = data[at + 1] & 0x7F, 2
        if length >= 126:
            header += 2 if length == 126 else 8
            if len(data) < at + header:
                return 0
            length = int.from_bytes(data[at + 2 : at + header], "big")
        if len(data) < at + header + length:
            return 0
        opcode, payload = data[at] & 0x0F, data[at + header : at + header + length]
        if opcode in (TEXT, BINARY):
            self._hear(payload, at_ns)
        elif opcode == PING:
            self._say(payload, PONG)
        elif opcode == CLOSE:
            self._crowd.lose(self, payload[2:].decode(errors="replace"))
            self._transport.abort()
        return header + length

    def _take_http_answer(self, data: bytes, at: int, at_ns: int) -> int:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return 0
        head, used = data[at:end].lower(), end + 4 - at
        if found := re.search(rb"\r\ncontent-length: *(\d+)", head):
            used += int(found[1])
        elif b"\r\ntransfer-encoding: chunked" in head:
            last = data.find(b"0\r\n\r\n", end)
            if last < 0:
                return 0
            used = last + 5 - at
        if len(data) < at + used:
            return 0
        self._hear(data[at : at + used], at_ns)
        return used

    def _hear(self, text: bytes, at_ns: int) -> None:
        script = self._crowd.script
        if script.word("ping") and text == script.word("ping"):
            self._say(script.word("pong"))
        elif self.is_live:
            self._crowd.on_message(self, text, at_ns)
        elif script.word("refuse") and script.word("refuse") in text:
            self._crowd.fail(f"the server refuses: {text[:500].decode(errors='replace')}")
        elif self.filled(script.steps[self._step][1]) in text:
            self._step += 1
            self._go_on()

    def _go_on(self) -> None:
        steps = self._crowd.script.steps
        while self._step < len(steps) and steps[self._step][0] == "send":
            self._say(self.filled(steps[self._step][1]))
            self._step += 1
        if self._step == len(steps):
            self.is_live = True
            self._crowd.arrive(self)

    def _say(self, payload: bytes, opcode: int = TEXT) -> None:
        length = len(payload)
        size = bytes((0x80 | length,)) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
        self._transport.write(bytes((0x80 | opcode,)) + size + bytes(4) + payload)

    def ask(self) -> None:
        self.asked += 1
        if self._crowd.letters is not None:
            letter = next(self._crowd.letters, None)
            if letter is None:
                sys.exit("there are too few letters for so quick a server")
            self.columns = letter.split(b"\t")
        self.since_ns = time.monotonic_ns()
        script = self._crowd.script
        body = self.filled(script.word("ask"))
        if not script.is_http:
            self._say(body)
            return
        head = self.filled(b"POST %s HTTP/1.1\r\n%s" % (script.word("path"), self._crowd.common_headers()))
        self._transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


class Crowd:
    """All connections."""

    def __init__(self, chosen: dict[str, str]) -> None:
        self.script = Script(Path(chosen["script"]))
        self.host, self.port = chosen.get("host", "127.0.0.1"), int(chosen["port"])
        self.clients = [Client(index, self) for index in range(int(chosen["connections"]))]
        if "vars" in chosen:
            lines = Path(chosen["vars"]).read_bytes().splitlines()
            for client in self.clients:
                client.columns = lines[client.index].split(b"\t")
        self.letters = (
            iter(Path(chosen["letters"]).read_bytes().splitlines()) if "letters" in chosen else None
        )
        self.parallel, self.timeout_s = int(chosen.get("parallel", "32")), float(chosen.get("timeout", "60"))
        self.live = self.lost = self.refused = self.bytes = 0
        self.opened = Times()
        self.on_message: Callable[[Client, bytes, int], None] = lambda client, text, at_ns: None
        self.on_lost: Callable[[Client], None] = lambda client: None
        self.failure = ""
        self.woken = asyncio.Event()
        self._closed = deque(self.clients)
        self._opening = 0

    def common_headers(self) -> bytes:
        return b"Host: %s:%d\r\n%s" % (self.host.encode(), self.port, self.script.headers)

    def fail(self, why: str) -> None:
        self.failure = why
        self.woken.set()

    def arrive(self, client: Client) -> None:
        self.live += 1
        self._opening -= 1
        self.opened.all.append(time.monotonic_ns() - client.since_ns)
        self.woken.set()

    def lose(self, client: Client, why: str) -> None:
        if client.is_live:
            client.is_live = False
            self.live -= 1
            self.lost += 1
            self.on_lost(client)
        elif client not in self._closed:
            self._closed.append(client)
            self._opening -= 1
            self.refused += 1
            if self.refused > len(self.clients):
                self.fail(f"the server refuses connections: {why}")
        self.woken.set()

    async def wait(self, timeout_s: float) -> None:
        """Until something has happened that matters to whoever waits, or the time has passed."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.woken.wait()
        except TimeoutError:
            pass
        self.woken.clear()
        if self.failure:
            raise Failed(self.failure)

    async def open(self, wanted: int) -> float:
        begun = time.monotonic()
        while self.live + self.lost < wanted:
            while self._closed and self._closed[0].index < wanted and self._opening < self.parallel:
                self._opening += 1
                await self._closed.popleft().open()
            await self.wait(0.1)
            if time.monotonic() - begun > self.timeout_s:
                raise Failed(f"only {self.live} of {wanted} connections are up after {self.timeout_s:.0f} s")
        return time.monotonic() - begun

    def told(self, opening_s: float) -> dict[str, Any]:
        return {
            "connections": len(self.clients),
            "live": self.live,
            "lost": self.lost,
            "refused": self.refused,
            "opening_s": opening_s,
            "opened_us": self.opened.told(),
        }


class Flow:
    """Events on their way."""

    def __init__(self, crowd: Crowd, chosen: dict[str, str]) -> None:
        self.crowd = crowd
        self.stall_s = float(chosen.get("stall", "5"))
        self.published = self.received = self.gaps = self.missed = self.repeats = 0
        self.measured_from = 0
        self.last_receipt_ns = 0
        self.waiting: dict[int, int] = {}
        """how many connections have it, of events that not all have"""
        self.from_told, self.from_began = Times(), Times()
        self._publish_fd = int(chosen["publish"])
        with Path(chosen["times"]).open("r+b") as file:
            self._times = mmap.mmap(file.fileno(), SLOTS * TIMES.size)
        crowd.on_message = self._take
        crowd.on_lost = self._forget

    def times(self, seq: int) -> tuple[int, int]:
        """When its publication began, and when it was told to the server."""
        began_ns, told_ns = TIMES.unpack_from(self._times, seq % SLOTS * TIMES.size)
        return began_ns, told_ns

    def publish(self, count: int) -> None:
        first = self.published + 1
        self.published += count
        self.waiting |= dict.fromkeys(range(first, first + count), 0)
        os.write(self._publish_fd, b"%d %d\n" % (first, count))

    def _take(self, client: Client, text: bytes, at_ns: int) -> None:
        for found in NUMBER.finditer(text):
            self._note(client, int(found[1]), at_ns)

    def _note(self, client: Client, seq: int, at_ns: int) -> None:
        self.last_receipt_ns = at_ns
        if seq > self.published:
            self.crowd.fail(f"event {seq} came, but only {self.published} were published")
        elif seq <= client.last:
            self.repeats += 1
        else:
            if seq != client.last + 1:
                self.gaps += 1
                self.missed += seq - client.last - 1
            client.last = seq
            if 0 < self.measured_from <= seq:
                began_ns, told_ns = self.times(seq)
                self.received += 1
                self.from_told.all.append(at_ns - told_ns)
                self.from_began.all.append(at_ns - began_ns)
            if seq in self.waiting:
                self.waiting[seq] += 1
                self._settle(seq)

    def _settle(self, seq: int) -> None:
        if self.waiting[seq] == self.crowd.live:
            del self.waiting[seq]
            if not self.waiting:
                self.crowd.woken.set()

    def _forget(self, client: Client) -> None:
        for seq in list(self.waiting):
            self.waiting[seq] -= seq <= client.last
            self._settle(seq)

    @property
    def has_stalled(self) -> bool:
        return time.monotonic_ns() - self.last_receipt_ns > self.stall_s * 1e9

    async def publish_and_wait(self, count: int) -> bool:
        first = self.published + 1
        self.last_receipt_ns = time.monotonic_ns()
        self.publish(count)
        while self.waiting and self.crowd.live:
            await self.crowd.wait(0.1)
            if self.waiting and self.has_stalled:
                if not self.times(first)[1]:
                    raise Failed(f"the publisher has not published for {self.stall_s:.0f} s")
                self.waiting.clear()
                return False
        return True

    async def warm_up(self, seconds: float) -> None:
        begun = time.monotonic()
        await self.publish_and_wait(1)
        while time.monotonic() - begun < seconds and self.crowd.live:
            await self.publish_and_wait(1)
        self.measured_from = self.published + 1
        self.crowd.bytes = 0
        tell({})

    def told(self, opening_s: float, wall_s: float, cpu_s: float) -> dict[str, Any]:
        published = self.published + 1 - self.measured_from
        return {
            **self.crowd.told(opening_s),
            "published": published,
            "expected": published * len(self.crowd.clients),
            "received": self.received,
            "gaps": self.gaps,
            "missed": self.missed,
            "repeats": self.repeats,
            "bytes": self.crowd.bytes,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "latency_us": self.from_told.told(),
            "whole_latency_us": self.from_began.told(),
        }


async def fan_out(crowd: Crowd, chosen: dict[str, str]) -> None:
    flow = Flow(crowd, chosen)
    opening_s = await crowd.open(len(crowd.clients))
    await flow.warm_up(float(chosen.get("warmup", "0.5")))
    rounds, tried, stalls, from_began_ns = Times(), 0, 0, 0
    begun, cpu_before = time.monotonic(), time.process_time()
    while not tried or (time.monotonic() - begun < float(chosen.get("seconds", "5")) and crowd.live):
        first = flow.published + 1
        stalls += not await flow.publish_and_wait(int(chosen.get("window", "1")))
        tried += 1
        began_ns, told_ns = flow.times(first)
        if flow.last_receipt_ns < told_ns:
            continue  # nobody has had anything of it
        rounds.all.append(flow.last_receipt_ns - told_ns)
        from_began_ns += flow.last_receipt_ns - began_ns
    report = flow.told(opening_s, time.monotonic() - begun, time.process_time() - cpu_before)
    sums = {"told_s": sum(rounds.all) / 1e9, "began_s": from_began_ns / 1e9}
    tell({**report, "rounds": len(rounds.all), "stalls": stalls, **sums, "round_us": rounds.told()})


async def paced(crowd: Crowd, chosen: dict[str, str]) -> None:
    flow = Flow(crowd, chosen)
    opening_s = await crowd.open(len(crowd.clients))
    await flow.warm_up(float(chosen.get("warmup", "0.5")))
    interval_s = 1 / float(chosen.get("per_second", "25"))
    wanted = int(float(chosen.get("seconds", "5")) / interval_s)
    begun, cpu_before = time.monotonic(), time.process_time()
    asked, keeps_up = 0, True
    while asked < wanted and crowd.live and keeps_up:
        await crowd.wait(max(0.0, begun + (asked + 1) * interval_s - time.monotonic()))
        while asked < wanted and time.monotonic() >= begun + (asked + 1) * interval_s:
            flow.publish(1)
            asked += 1
        keeps_up = len(flow.waiting) <= int(chosen["backlog"])
    flow.last_receipt_ns = time.monotonic_ns()
    while keeps_up and flow.waiting and crowd.live and not flow.has_stalled:
        await crowd.wait(0.1)
    report = flow.told(opening_s, time.monotonic() - begun, time.process_time() - cpu_before)
    tell({**report, "keeps_up": keeps_up})


async def hold(crowd: Crowd, chosen: dict[str, str]) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        cpu_before = time.process_time()
        opening_s = await crowd.open(int(line.split()[1]))
        tell({**crowd.told(opening_s), "wall_s": opening_s, "cpu_s": time.process_time() - cpu_before})


async def ask(crowd: Crowd, chosen: dict[str, str]) -> None:
    opening_s = await crowd.open(len(crowd.clients))
    script, took, refusals = crowd.script, Times(), [b""]
    seconds = float(chosen.get("seconds", "5"))
    measured_from_ns = time.monotonic_ns() + int(float(chosen.get("warmup", "1")) * 1e9)

    def take_answer(client: Client, text: bytes, at_ns: int) -> None:
        is_answer = client.filled(script.word("answer")) in text
        is_refusal = not is_answer and (script.is_http or script.word("refuse") in text)
        if not is_answer and not is_refusal:
            return
        if is_refusal:
            refusals.append(text[:300])
        elif client.since_ns >= measured_from_ns:
            took.all.append(at_ns - client.since_ns)
        client.ask()

    crowd.on_message = take_answer
    for client in crowd.clients:
        client.ask()
    while time.monotonic_ns() < measured_from_ns:
        await crowd.wait(0.02)
    tell({})
    begun, cpu_before = time.monotonic(), time.process_time()
    # A server that is too slow to answer everybody once gets some more time for that.
    while time.monotonic() - begun < seconds * (5 if len(took.all) < len(crowd.clients) else 1):
        await crowd.wait(0.02)
    if not took.all:
        raise Failed(f"no question was answered in {seconds:.0f} s. {refusals[-1].decode(errors='replace')}")
    report = {"answered": len(took.all), "refusals": len(refusals) - 1, "latency_us": took.told()}
    used = {"wall_s": time.monotonic() - begun, "cpu_s": time.process_time() - cpu_before}
    tell({**crowd.told(opening_s), **report, **used})


def tell(report: dict[str, Any]) -> None:
    print(json.dumps(report), flush=True)


async def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 16) if hard > 0 else 1 << 14, hard))
    modes = {"fanout": fan_out, "paced": paced, "hold": hold, "ask": ask}
    await modes[sys.argv[1]](Crowd(settings()), settings())


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (Failed, BrokenPipeError) as failure:
        sys.exit(str(failure))
