"""The worker: chores at their intervals, by one process at a time, whatever one of them does."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from asgi_app.worker import CHORES, Chore, do_chores
from tests.asgi_app.raw import wait_for
from tests.kept_process import KeptProcess
from tests.services import ROOT, SERVICES

pytestmark = pytest.mark.django_db(transaction=True)


class Counted:
    """A chore's function that counts how often it ran."""

    def __init__(self, error: Exception | None = None) -> None:
        self.runs = 0
        self.ran = threading.Event()
        self._error = error

    def __call__(self) -> int:
        self.runs += 1
        self.ran.set()
        if self._error is not None:
            raise self._error
        return self.runs


async def run_worker_until(event: threading.Event, *chores: Chore) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(do_chores(stop, chores))
    assert await asyncio.to_thread(event.wait, 10)
    stop.set()
    await asyncio.wait_for(worker, 10)


async def test_a_chore_is_done_by_one_worker_of_many() -> None:
    shared = Counted()
    # Each worker's own chore comes after the shared one: when it was done, that worker has asked for both.
    own = [Counted() for _ in range(4)]
    await asyncio.gather(
        *(
            run_worker_until(
                each.ran, Chore("shared", shared, every_s=3600), Chore(f"own-{number}", each, every_s=3600)
            )
            for number, each in enumerate(own)
        )
    )
    assert shared.runs == 1


async def test_a_chore_comes_again_when_it_is_due() -> None:
    again = threading.Event()
    runs: list[int] = []

    def chore() -> int:
        runs.append(len(runs))
        if len(runs) == 2:
            again.set()
        return len(runs)

    await run_worker_until(again, Chore("often", chore, every_s=0.5))
    assert len(runs) == 2


async def test_a_chore_that_fails_stops_neither_the_others_nor_the_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, fine = Counted(ValueError("broken")), Counted()
    await run_worker_until(fine.ran, Chore("broken", broken, every_s=3600), Chore("fine", fine, every_s=3600))
    assert (broken.runs, fine.runs) == (1, 1)
    assert "broken failed" in caplog.text


async def test_a_chore_in_progress_is_finished() -> None:
    began, go, ended = threading.Event(), threading.Event(), threading.Event()

    def chore() -> int:
        began.set()
        go.wait(10)
        ended.set()
        return 0

    stop = asyncio.Event()
    worker = asyncio.create_task(do_chores(stop, (Chore("long", chore, every_s=3600),)))
    assert await asyncio.to_thread(began.wait, 10)
    stop.set()
    assert not worker.done()
    go.set()
    await asyncio.wait_for(worker, 10)
    assert ended.is_set()


def test_the_real_chores_run() -> None:
    for chore in CHORES:
        assert chore.run() >= 0


def test_alone_it_works_until_it_is_told_to_stop(database_url: str, tmp_path: Path) -> None:
    process = KeptProcess(
        [sys.executable, "-m", "asgi_app.worker"],
        log=tmp_path / "log",
        env={**os.environ, "DATABASE_URL": database_url, "LOG_LEVEL": "INFO"},
        cwd=ROOT,
        directory=SERVICES.directory,
    )
    wait_for(lambda: "prune_credentials" in process.log_tail(), 30)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert "failed" not in process.log_tail()
