"""Does together, for threads, what comes while the last of its kind is being done: one transaction for all who waited.

`messaging/together.py` is the same for an event loop.
"""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

logger = logging.getLogger("parley.joint")

MAX_TOGETHER = 64

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)
Answer = TypeVar("Answer")


class _Turn(Generic[Item, Answer]):
    """One thread's item: done by another thread (`outcome`), or to be done by this one, with others (`batch`)."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.called = threading.Event()
        self.outcome: Answer | Exception | None = None
        self.batch: list[_Turn[Item, Answer]] = []


class Joint(Generic[Key, Item, Answer]):
    """Items of one key are done one batch after the other, of different keys side by side.

    `all_of` says of each item of one key what came of it. If it fails because of the database, that is everybody's
    answer; if because of anything else, each is done alone, so that one's trouble is nobody else's.
    """

    def __init__(self, all_of: Callable[[Key, Sequence[Item]], Mapping[Item, Answer | Exception]]) -> None:
        self._all_of = all_of
        self._lock = threading.Lock()
        self._waiting: defaultdict[Key, deque[_Turn[Item, Answer]]] = defaultdict(deque)
        self._busy: set[Key] = set()

    def do(self, key: Key, item: Item) -> Answer:
        """What came of it; raises what it came to."""
        turn: _Turn[Item, Answer] = _Turn(item)
        with self._lock:
            is_free = key not in self._busy
            if is_free:
                self._busy.add(key)
                turn.batch = [turn]
            else:
                self._waiting[key].append(turn)
        if not is_free:
            turn.called.wait()
        if turn.batch:
            try:
                self._do_all(key, turn.batch)
            finally:
                self._call_next(key)
        if isinstance(turn.outcome, Exception):
            raise turn.outcome
        assert turn.outcome is not None
        return turn.outcome

    def _do_all(self, key: Key, batch: list[_Turn[Item, Answer]]) -> None:
        try:
            self._try_all(key, batch)
        except BaseException as error:
            # This thread is to end; the others are not left waiting for it.
            for turn in batch:
                turn.outcome = turn.outcome or RuntimeError(f"Whoever did it was stopped: {error!r}")
            raise
        finally:
            for turn in batch:
                turn.called.set()

    def _try_all(self, key: Key, batch: list[_Turn[Item, Answer]]) -> None:
        try:
            outcomes = self._all_of(key, [turn.item for turn in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, OperationalError | InterfaceError):
                for turn in batch:
                    turn.outcome = error
            else:
                # Which of them it was is found by doing each alone.
                logger.warning("%d requests could not be done together: %r", len(batch), error)
                for turn in batch:
                    self._try_all(key, [turn])
        else:
            for turn in batch:
                turn.outcome = outcomes[turn.item]

    def _call_next(self, key: Key) -> None:
        """The first of those who wait does it for the others."""
        with self._lock:
            waiting = self._waiting.get(key)
            if not waiting:
                self._waiting.pop(key, None)
                self._busy.discard(key)
                return
            batch = [waiting.popleft() for _ in range(min(len(waiting), MAX_TOGETHER))]
            batch[0].batch = batch
            batch[0].called.set()
