"""Owns the background work: chores, each at its interval and by one process at a time.

    python -m asgi_app.worker

runs it alone, as production does; the embedded default runs it inside the server.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings

import asgi_app.boot  # noqa: F401
from asgi_app.alarm import listen
from asgi_app.worker_metrics import told_of_worker
from bots.inbox import Inbox
from messaging.actions.broadcasts import hand_over_broadcasts
from messaging.actions.journal import prune_inbounds
from messaging.actions.retention import claim_chore, prune_credentials, prune_events
from messaging.actions.schedules import run_due_schedules
from messaging.bell import bell
from messaging.counters import CHORES as CHORES_DONE
from messaging.database import DatabaseThreads
from webhooks.outbox import Outbox

TURN_S = 1.0
# How often a process asks whether a chore is due: another may have done it, or died before it could.
ASKS_PER_INTERVAL = 10

logger = logging.getLogger("parley.worker")


class Chore(NamedTuple):
    """Something to be done every `every_s` seconds by one of all the workers there are."""

    name: str
    run: Callable[[], int]
    every_s: float


CHORES = (
    Chore("prune_events", prune_events, every_s=3600),
    Chore("prune_credentials", prune_credentials, every_s=600),
    Chore("prune_inbounds", prune_inbounds, every_s=3600),
)
# What every worker does all the time: each claims by row what it does.
ROUNDS = (run_due_schedules, hand_over_broadcasts)


async def work(stop: asyncio.Event) -> None:
    """Works until told to stop; what is being done then is done to its end."""
    bell.attach(asyncio.get_running_loop())
    threads = DatabaseThreads("bots", settings.WORKER_THREADS)
    wakes = {"inbox": asyncio.Event(), "outbox": asyncio.Event()}
    alarm = asyncio.create_task(listen(wakes))
    outbox = Outbox(threads, wakes["outbox"])
    inbox = Inbox(threads, outbox, wakes["inbox"])
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(do_chores(stop))
            group.create_task(outbox.work(stop))
            group.create_task(inbox.work(stop))
            for do in ROUNDS:
                group.create_task(do_rounds(stop, do))
    finally:
        alarm.cancel()
        await asyncio.wait([alarm])
        threads.close()


async def do_chores(stop: asyncio.Event, chores: tuple[Chore, ...] = CHORES) -> None:
    """Does each chore when it is due."""
    loop = asyncio.get_running_loop()
    threads = DatabaseThreads("worker", 1)
    ask_at = {chore.name: loop.time() for chore in chores}
    try:
        while not stop.is_set():
            for chore in chores:
                if ask_at[chore.name] <= loop.time() and not stop.is_set():
                    ask_at[chore.name] = loop.time() + chore.every_s / ASKS_PER_INTERVAL
                    await _do(chore, threads)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await stop.wait()
    finally:
        threads.close()


async def do_rounds(stop: asyncio.Event, do: Callable[[], int]) -> None:
    """Does it again and again: at once as long as there was something to do, else after a moment."""
    threads = DatabaseThreads(do.__name__, 1)
    try:
        while not stop.is_set():
            try:
                count = await threads.run(do)
            except Exception:
                logger.exception("%s failed", do.__name__)
                count = 0
            if not count:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TURN_S):
                        await stop.wait()
    finally:
        threads.close()


async def _do(chore: Chore, threads: DatabaseThreads) -> None:
    try:
        if await threads.run(claim_chore, chore.name, chore.every_s):
            count = await threads.run(chore.run)
            CHORES_DONE.labels(chore.name, "done").inc()
            logger.info("%s: %d", chore.name, count)
    except Exception:
        CHORES_DONE.labels(chore.name, "failed").inc()
        # The database may be away, or one chore broken; the others, and its own next time, go on.
        logger.exception("%s failed", chore.name)


async def _work_until_told_to_stop() -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    logger.info("working")
    async with told_of_worker():
        await work(stop)


if __name__ == "__main__":
    asyncio.run(_work_until_told_to_stop())
