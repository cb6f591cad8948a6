"""The database threads: bounded, with connections that stay, unharmed by what happens to their callers."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from django.db import InterfaceError, connection, transaction

from messaging import database
from messaging.database import DatabaseThreads

who = contextvars.ContextVar("who", default="nobody")


@pytest.fixture
def threads() -> Any:
    pool = DatabaseThreads("test", 2)
    yield pool
    pool.close(5)


@pytest.fixture
def one_thread() -> Any:
    pool = DatabaseThreads("one", 1)
    yield pool
    pool.close(5)


def ask() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return connection.connection


async def test_a_job_gets_its_arguments_and_its_context_and_answers(threads: DatabaseThreads) -> None:
    who.set("alice")
    assert await threads.run(lambda *args, **kwargs: (args, kwargs, who.get()), 1, two=2) == (
        (1,),
        {"two": 2},
        "alice",
    )


async def test_what_a_job_sets_in_its_context_stays_there(threads: DatabaseThreads) -> None:
    await asyncio.gather(*(threads.run(who.set, "mallory") for _ in range(10)))
    assert {await threads.run(who.get) for _ in range(10)} == {"nobody"}


async def test_no_more_run_at_once_than_there_are_threads(threads: DatabaseThreads) -> None:
    together = threading.Barrier(2)
    running: set[str] = set()

    def job() -> None:
        together.wait(5)
        running.add(threading.current_thread().name)

    jobs = [asyncio.create_task(threads.run(job)) for _ in range(6)]
    await asyncio.gather(*jobs)
    assert running == {"test-1", "test-2"}


async def test_the_queue_is_counted(threads: DatabaseThreads) -> None:
    both_began, go = threading.Barrier(3), threading.Event()

    def job() -> None:
        both_began.wait(5)
        go.wait(5)

    busy = [threads.submit(job) for _ in range(2)]
    await asyncio.to_thread(both_began.wait, 5)
    queued = [threads.submit(int, "7") for _ in range(3)]
    assert threads.waiting == 3
    go.set()
    await asyncio.gather(*busy, *queued)
    assert threads.waiting == 0


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
async def test_what_a_job_raises_reaches_its_caller_and_the_thread_lives(
    threads: DatabaseThreads, error: BaseException
) -> None:
    def fail() -> None:
        raise error

    for _ in range(4):
        future = threads.submit(fail)
        await asyncio.wait([future])
        assert future.exception() is error
    assert await threads.run(int, "7") == 7


async def test_the_end_of_an_iterator_does_not_leave_the_caller_waiting(threads: DatabaseThreads) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(threads.run(next, iter([])), 5)


async def test_a_caller_that_gives_up_does_not_cost_a_thread(threads: DatabaseThreads) -> None:
    began, go, finished = threading.Event(), threading.Event(), threading.Event()

    def job() -> None:
        began.set()
        go.wait(5)
        finished.set()

    running = asyncio.create_task(threads.run(job))
    blocked = asyncio.create_task(threads.run(go.wait, 5))
    unlucky = threading.Event()
    queued = asyncio.create_task(threads.run(unlucky.set))
    await asyncio.to_thread(began.wait, 5)
    for task in (running, queued):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    go.set()
    assert await blocked
    # What had begun went to its end, what had not never began, and both threads serve on.
    assert await asyncio.to_thread(finished.wait, 5)
    assert await asyncio.gather(*(threads.run(int, digit) for digit in "12")) == [1, 2]
    assert not unlucky.is_set()


def test_a_loop_that_ended_before_its_job_is_no_harm() -> None:
    pool = DatabaseThreads("test", 1)
    began, go = threading.Event(), threading.Event()

    def job() -> None:
        began.set()
        go.wait(5)

    async def give_up() -> None:
        pool.submit(job)
        await asyncio.to_thread(began.wait, 5)

    asyncio.run(give_up())
    go.set()

    async def ask_again() -> int:
        return await pool.run(int, "7")

    assert asyncio.run(ask_again()) == 7
    pool.close(5)


@pytest.mark.django_db(transaction=True)
async def test_connections_stay_and_are_as_many_as_the_threads(threads: DatabaseThreads) -> None:
    connections = {id(await threads.run(ask)) for _ in range(20)}
    assert 1 <= len(connections) <= 2


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
async def test_a_connection_that_broke_while_nobody_asked_is_replaced_unseen(
    one_thread: DatabaseThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOOK_AT_CONNECTION_EVERY_S", 0.0)
    before = await one_thread.run(ask)
    assert await one_thread.run(ask) is before
    before.close()
    assert await one_thread.run(ask) is not before


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
async def test_a_connection_that_broke_between_two_jobs_costs_one_job(one_thread: DatabaseThreads) -> None:
    before = await one_thread.run(ask)
    before.close()
    with pytest.raises(InterfaceError):
        await one_thread.run(ask)
    assert await one_thread.run(ask) is not before


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
async def test_a_job_that_keeps_a_broken_connection_to_itself_leaves_it_to_nobody(
    one_thread: DatabaseThreads,
) -> None:
    def ask_and_keep_quiet() -> None:
        with pytest.raises(InterfaceError):
            ask()

    before = await one_thread.run(ask)
    before.close()
    await one_thread.run(ask_and_keep_quiet)
    assert await one_thread.run(ask) is not before


@pytest.mark.django_db(transaction=True)
async def test_a_job_that_leaves_a_transaction_open_leaves_it_to_nobody(one_thread: DatabaseThreads) -> None:
    await one_thread.run(transaction.set_autocommit, False)
    assert await one_thread.run(transaction.get_autocommit) is True


@pytest.mark.django_db(transaction=True)
async def test_closing_finishes_what_was_accepted_and_closes_connections() -> None:
    pool = DatabaseThreads("one", 1)
    raw = await pool.run(ask)
    last = pool.submit(int, "7")
    pool.close(5)
    assert await last == 7
    with pytest.raises(Exception, match="closed"):
        raw.cursor()
    with pytest.raises(RuntimeError, match="closed"):
        await pool.run(int, "8")


def test_a_pool_without_threads_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DatabaseThreads("none", 0)
