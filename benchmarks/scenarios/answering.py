"""Answering: from the call that brings what somebody wrote to the bot's answer at the platform, on an idle system."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping

import httpx
import psycopg2

from benchmarks.generator import Failed, Watch
from benchmarks.machine import pinned
from benchmarks.peer import ROOT, Bench, Running
from benchmarks.scenario import BUSY, Column, Facts, Scenario, milliseconds
from tests.kept_process import KeptProcess
from webhooks.fakes.telegram import FakeTelegram

SECRET = "the-secret-of-the-benchmark"
TOKEN = "7000000001:benchmark"
WITHIN_S = 20.0
BETWEEN_S = 0.05
"""An idle system has the time to become idle."""


@contextlib.contextmanager
def _worker(bench: Bench, env: Mapping[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "asgi_app.worker"]
    process = KeptProcess(
        pinned(command, bench.cores.rest),
        log=bench.directory / "worker.log",
        env={**os.environ, **env},
        cwd=ROOT,
        directory=bench.directory,
    )
    try:
        yield
    finally:
        process.kill()


def measure(bench: Bench, running: Running) -> Facts:
    bot = running.bot
    assert bot is not None
    _forget_what_waits(bot.env["DATABASE_URL"])
    count = int(20 * bench.size.seconds)
    taken: list[float] = []
    with (
        FakeTelegram(token=TOKEN, port=bot.platform_port) as telegram,
        _worker(bench, bot.env),
        httpx.Client(trust_env=False) as platform,
    ):
        telegram.secret = SECRET
        first = 10_000 + int(time.time()) % 1_000_000 * 1_000
        for number in range(count + 5):
            person = first + number
            knock = telegram.knock_of(telegram.says(person, "/help"))
            begun = time.monotonic()
            if number == 5:
                watch = Watch(running.pids)
            answer = platform.post(bot.url, content=knock.body, headers=knock.headers)
            if answer.status_code != httpx.codes.OK:
                raise Failed(f"the webhook answered {answer.status_code}: {answer.text}")
            _wait_for_answer(telegram, person, begun)
            if number >= 5:  # those before woke everything up
                taken.append(time.monotonic() - begun)
            time.sleep(BETWEEN_S)
    taken.sort()
    seen = watch.seen()
    return {
        "value": taken[len(taken) // 2] * 1e6,
        "p99": taken[int(len(taken) * 0.99)] * 1e6,
        "worst": taken[-1] * 1e6,
        "generator_cores": 0.0,
        **seen,
    }


def _forget_what_waits(database_url: str) -> None:
    """What other scenarios have brought, which nobody has handled: an idle system has nothing to do."""
    with (
        contextlib.closing(psycopg2.connect(database_url)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM messaging_inbound WHERE state = 'waiting'")


def _wait_for_answer(telegram: FakeTelegram, person: int, begun: float) -> None:
    while not telegram.said_to(person):
        if time.monotonic() - begun > WITHIN_S:
            raise Failed(f"the bot did not answer within {WITHIN_S:.0f} s")
        time.sleep(0.001)


SCENARIO = Scenario(
    key="answering",
    title="A bot's answer",
    method="Somebody new writes /help to the verse bot on a fake Telegram, one after the other. Measured is the time from the "
    "beginning of Telegram's call to when it has the bot's answer: the event stored, handled by a worker of its own, both "
    "messages in the log, and the answer sent.",
    value=Column("p50 ms", "value", milliseconds),
    better="lower",
    suits=lambda running: running.bot is not None,
    measure=measure,
    columns=(Column("p99 ms", "p99", milliseconds), Column("worst ms", "worst", milliseconds), *BUSY),
)
