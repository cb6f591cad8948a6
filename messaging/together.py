"""Does together what comes together: requests that arrive while the last batch is at the database are the next one.

What comes in one turn of the event loop comes together. What comes alone is done alone, at once. What a batch leaves
out, or all of it if the batch fails, is done one by one, so that one's trouble is nobody else's.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, ref

from django.db import InterfaceError, OperationalError

from messaging.database import DatabaseThreads

logger = logging.getLogger("parley.together")

MAX_TOGETHER = 64
# A batch that takes this long is not waited for: the next one begins beside it.
IMPATIENT_AFTER_S = 0.1
MAX_BATCHES = 4

Item = TypeVar("Item")
Answer = TypeVar("Answer")
T = TypeVar("T")


class PerLoop(Generic[T]):
    """One of each event loop's own, made with its first use. A process has one loop that serves, tests have several."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()
        # It is asked for several times with each connection, always by the same loop, and the dictionary is slow.
        self._last: tuple[ref[asyncio.AbstractEventLoop], T] | None = None

    def __call__(self) -> T:
        loop = asyncio.get_running_loop()
        last = self._last
        if last is not None and last[0]() is loop:
            return last[1]
        made = self._made.get(loop)
        if made is None:
            made = self._made[loop] = self._make()
        self._last = ref(loop), made
        return made


class Together(Generic[Item, Answer]):
    """One kind of request of one process. `alone` does one; `all_of` says of many what came of each; `is_repeatable`,
    whether one may be done again that may have been done. All of it runs on `threads`.
    """

    def __init__(
        self,
        all_of: Callable[[Collection[Item]], Mapping[Item, Answer | Exception]],
        alone: Callable[[Item], Answer],
        is_repeatable: Callable[[Item], bool],
        threads: DatabaseThreads,
    ) -> None:
        self._all_of = all_of
        self._alone = alone
        self._is_repeatable = is_repeatable
        self._threads = threads
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._waited_for: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def do(self, item: Item) -> Answer:
        """What `alone` returns or raises. Cancelling the caller does not cancel what was asked."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            # A turn of the loop later: what comes in the same turn is in the same batch.
            asyncio.get_running_loop().call_soon(self._begin)
        self._waiting.append((item, future))
        return await future

    def _begin(self) -> None:
        if not self._waiting or self._waited_for or len(self._running) == MAX_BATCHES:
            return
        batch, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
        task = asyncio.create_task(self._run(batch))
        for tasks in (self._running, self._waited_for, self._tasks):
            tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        asyncio.get_running_loop().call_later(IMPATIENT_AFTER_S, self._wait_no_longer, task)

    def _wait_no_longer(self, task: asyncio.Task[None]) -> None:
        self._waited_for.discard(task)
        self._begin()

    async def _run(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        outcomes: Mapping[Item, Answer | Exception] = {}
        try:
            if len(batch) == 1:
                await self._do_alone(*batch[0])
                return
            outcomes = await self._threads.run(self._all_of, [item for item, _ in batch])
        except (OperationalError, InterfaceError) as error:
            # If the connection broke, nobody knows what has been committed.
            logger.info("%d requests may have been done or not: %r", len(batch), error)
            outcomes = {item: error for item, _ in batch if not self._is_repeatable(item)}
        except Exception as error:
            # Which of them it was is found by doing each alone.
            logger.info("%d requests could not be done together: %r", len(batch), error)
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._running.discard(task)
            self._wait_no_longer(task)
        for item, future in batch:
            if item in outcomes:
                _settle(future, outcomes[item])
        await asyncio.gather(
            *(self._do_alone(item, future) for item, future in batch if item not in outcomes)
        )

    async def _do_alone(self, item: Item, future: asyncio.Future[Answer]) -> None:
        try:
            answer = await self._threads.run(self._alone, item)
        except Exception as error:
            _settle(future, error)
        else:
            _settle(future, answer)


def _settle(future: asyncio.Future[Answer], outcome: Answer | Exception) -> None:
    if future.done():  # the caller has gone
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
