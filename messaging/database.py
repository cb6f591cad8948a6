"""Owns the threads that talk to the database: a fixed number, each with connections that persist."""

import asyncio
import atexit
import contextvars
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar
from weakref import WeakSet

from django.db import close_old_connections, connections

LOOK_AT_CONNECTION_EVERY_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


pools: "WeakSet[DatabaseThreads]" = WeakSet()
"""Those of this process."""


class DatabaseThreads:
    """A bounded pool of threads for synchronous work that uses the database.

    Django keeps connections per thread, so a fixed set of threads is also a fixed set of persistent
    connections. CONN_MAX_AGE and CONN_HEALTH_CHECKS apply after a job that failed, and to a thread that has not been
    looked at for `LOOK_AT_CONNECTION_EVERY_S`: a check before every job would cost a round trip each.

    A job whose caller was cancelled while it waited in the queue is not run. One that has begun runs to its
    end, and its result is dropped.
    """

    def __init__(self, name: str, size: int) -> None:
        if size < 1:
            raise ValueError(f"A pool of database threads needs at least one thread, got {size}.")
        self.name = name
        self.size = size
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False
        pools.add(self)

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken yet."""
        return self._jobs.qsize()

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `function` on one of the threads, in a copy of the caller's context; returns what it returns."""
        return await self.submit(function, *args, **kwargs)

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """The same for callers on an event loop who do not want to wait yet."""
        job = _Job(partial(contextvars.copy_context().run, function, *args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError(f"The database threads {self.name!r} are closed.")
            if not self._threads:
                self._start()
            self._jobs.put(job)
        return job.future

    def close(self, wait_s: float = 1.0) -> None:
        """Lets jobs that were accepted finish and closes every connection; waits up to `wait_s` for it."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)
        atexit.unregister(self.close)
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self) -> None:
        # Daemons, so that a query that hangs cannot keep the process from ending; `atexit` waits a moment for others.
        self._threads = [
            threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True)
            for number in range(1, self.size + 1)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.close)

    def _work(self) -> None:
        looked_at = float("-inf")
        try:
            while (job := self._jobs.get()) is not None:
                if time.monotonic() - looked_at > LOOK_AT_CONNECTION_EVERY_S:
                    close_old_connections()
                    looked_at = time.monotonic()
                job.run()
                if job.failed or _left_something_behind():
                    close_old_connections()
                # Or this thread would hold the last result until the next job comes.
                del job
        finally:
            connections.close_all()


def _left_something_behind() -> bool:
    """Whether the next job on this thread would find itself inside what this one began, or on a connection that broke under
    it, which whoever answers a request keeps to themselves.
    """
    return any(
        connection.connection is not None and (connection.errors_occurred or not connection.get_autocommit())
        for connection in connections.all(initialized_only=True)
    )


class _Job(Generic[T]):
    """One call, and the future on the caller's event loop that takes its outcome."""

    __slots__ = ("call", "failed", "future", "loop")

    def __init__(self, call: Callable[[], T]) -> None:
        self.call = call
        self.failed = False
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()

    def run(self) -> None:
        if self.future.cancelled():
            return
        try:
            result = self.call()
        except StopIteration as error:
            # A future cannot carry this one; the caller would wait for ever.
            self._answer(self._fail, RuntimeError(f"The job raised {error!r}."))
        except BaseException as error:
            self.failed = True
            self._answer(self._fail, error)
        else:
            self._answer(self._succeed, result)

    def _answer(self, settle: Callable[..., None], outcome: object) -> None:
        try:
            self.loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:
            # The loop has ended, so nobody waits for the answer.
            return

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)
