"""Requests that come together: done together, none waiting long for another, none done twice unasked."""

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping

import pytest
from django.db import OperationalError

from messaging.database import DatabaseThreads
from messaging.together import MAX_BATCHES, MAX_TOGETHER, Together

WITHIN_S = 10
THREADS = DatabaseThreads("together", MAX_BATCHES + 1)


class Desk:
    """Does requests, one or many, and writes down which it did; some it keeps on its table until told."""

    def __init__(self, *, fails: Callable[[Collection[str]], Exception | None] = lambda items: None) -> None:
        self.done: list[tuple[str, ...]] = []
        self.kept = threading.Event()
        self.taken = threading.Event()
        self._fails = fails

    def alone(self, item: str) -> str:
        self._take([item])
        return item.upper()

    def all_of(self, items: Collection[str]) -> Mapping[str, str | Exception]:
        self._take(items)
        if (failure := self._fails(items)) is not None:
            raise failure
        return {item: item.upper() for item in items if not item.startswith("left out")}

    def _take(self, items: Collection[str]) -> None:
        self.done.append(tuple(items))
        if any(item.startswith("slow") for item in items):
            self.taken.set()
            assert self.kept.wait(WITHIN_S)


def together(desk: Desk) -> Together[str, str]:
    return Together(desk.all_of, desk.alone, is_repeatable=lambda item: "once" not in item, threads=THREADS)


async def test_what_comes_alone_is_done_alone_and_the_rest_together() -> None:
    desk = Desk()
    requests = together(desk)
    assert await requests.do("alone") == "ALONE"
    answers = await asyncio.gather(*(requests.do(f"r{number}") for number in range(MAX_TOGETHER + 1)))
    assert answers == [f"R{number}" for number in range(MAX_TOGETHER + 1)]
    assert [len(each) for each in desk.done] == [1, MAX_TOGETHER, 1]


async def test_whoever_comes_while_somebody_has_been_slow_for_long_is_not_kept_waiting() -> None:
    desk = Desk()
    requests = together(desk)
    slow = asyncio.create_task(requests.do("slow"))
    await asyncio.to_thread(desk.taken.wait, WITHIN_S)
    async with asyncio.timeout(WITHIN_S / 2):
        assert await requests.do("waits a little") == "WAITS A LITTLE"
        # By now nobody waits, and the slow one is still at it.
        assert await requests.do("waits not at all") == "WAITS NOT AT ALL"
    assert not slow.done()
    desk.kept.set()
    assert await slow == "SLOW"


async def test_there_are_only_so_many_at_a_time() -> None:
    desk = Desk()
    requests = together(desk)
    slow = []
    for number in range(MAX_BATCHES):
        desk.taken.clear()
        slow.append(asyncio.create_task(requests.do(f"slow {number}")))
        assert await asyncio.to_thread(desk.taken.wait, WITHIN_S)
    last = asyncio.create_task(requests.do("last"))
    done, _ = await asyncio.wait([last], timeout=0.3)
    assert not done
    desk.kept.set()
    assert await last == "LAST"
    assert await asyncio.gather(*slow) == [f"SLOW {number}" for number in range(MAX_BATCHES)]


async def test_what_is_left_out_or_spoilt_by_another_is_done_alone() -> None:
    spoils = ValueError("one of them is not right")
    desk = Desk(fails=lambda items: spoils if "spoiler" in items else None)
    requests = together(desk)
    answers = await asyncio.gather(*map(requests.do, ("first", "left out", "a", "once")))
    assert answers == ["FIRST", "LEFT OUT", "A", "ONCE"]
    assert desk.done[1:] == [("left out",)]
    answers = await asyncio.gather(*map(requests.do, ("second", "spoiler", "b", "once more")))
    assert answers == ["SECOND", "SPOILER", "B", "ONCE MORE"]


async def test_what_may_have_been_done_is_done_again_only_where_that_changes_nothing() -> None:
    """The connection broke: whether the commit came through nobody knows."""
    desk = Desk(fails=lambda items: OperationalError("server closed the connection unexpectedly"))
    requests = together(desk)
    first, keyed, once = await asyncio.gather(
        *map(requests.do, ("first", "keyed", "said once")), return_exceptions=True
    )
    assert (first, keyed) == ("FIRST", "KEYED")
    assert isinstance(once, OperationalError)
    assert ("said once",) not in desk.done


async def test_a_refusal_is_its_own_asker_s() -> None:
    def refuse(item: str) -> str:
        if item == "refused":
            raise PermissionError(item)
        return item

    def refuse_some(items: Collection[str]) -> Mapping[str, str | Exception]:
        return {item: PermissionError(item) if item == "refused" else item for item in items}

    requests = Together(refuse_some, refuse, is_repeatable=lambda item: True, threads=THREADS)
    with pytest.raises(PermissionError):
        await requests.do("refused")
    outcomes = await asyncio.gather(*map(requests.do, ("a", "refused", "b")), return_exceptions=True)
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], PermissionError)
    assert outcomes[2] == "b"
