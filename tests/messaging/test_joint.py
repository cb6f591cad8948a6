"""Threads that want the same kind of thing at once: done together, in order, none left waiting."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError

from messaging.joint import MAX_TOGETHER, Joint

WITHIN_S = 10


class Desk:
    """Doubles numbers, keeps a list of what it did at once, and waits when told to."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.fails: dict[int, Exception] = {}
        self.goes_on = threading.Event()
        self.began = threading.Event()
        self.goes_on.set()

    def do(self, key: str, items: Sequence[int]) -> Mapping[int, int | Exception]:
        self.began.set()
        assert self.goes_on.wait(WITHIN_S)
        self.batches.append(tuple(items))
        for item in items:
            if item in self.fails:
                raise self.fails[item]
        return {item: KeyError(item) if item < 0 else item * 2 for item in items}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def hold_then(desk: Desk, joint: Joint[str, int, int], items: Sequence[int]) -> list[int | BaseException]:
    """What comes of items that arrive while one (0) is being done."""
    with ThreadPoolExecutor(len(items) + 1) as pool:
        desk.goes_on.clear()
        first = pool.submit(joint.do, "k", 0)
        assert desk.began.wait(WITHIN_S)
        waiting = [pool.submit(joint.do, "k", item) for item in items]
        while len(joint._waiting["k"]) < len(items):
            threading.Event().wait(0.001)
        desk.goes_on.set()
        assert first.result(WITHIN_S) == 0
        return [each.exception(WITHIN_S) or each.result() for each in waiting]


def test_what_waits_is_done_together(desk: Desk) -> None:
    joint = Joint(desk.do)
    assert hold_then(desk, joint, [1, 2, 3]) == [2, 4, 6]
    assert [len(batch) for batch in desk.batches] == [1, 3]
    assert joint.do("k", 5) == 10
    assert not joint._waiting
    assert not joint._busy


def test_only_so_many_at_once(desk: Desk) -> None:
    items = range(1, MAX_TOGETHER + 3)
    assert hold_then(desk, Joint(desk.do), items) == [item * 2 for item in items]
    assert [len(batch) for batch in desk.batches] == [1, MAX_TOGETHER, 2]


def test_a_refusal_is_one_s_own(desk: Desk) -> None:
    refused, done = hold_then(desk, Joint(desk.do), [-1, 1])
    assert isinstance(refused, KeyError)
    assert done == 2


def test_a_failure_of_one_is_nobody_else_s(desk: Desk) -> None:
    desk.fails = {2: ZeroDivisionError()}
    assert hold_then(desk, Joint(desk.do), [1, 2, 3]) == [2, desk.fails[2], 6]


def test_a_failure_of_the_database_is_everybody_s_and_nothing_is_tried_again(desk: Desk) -> None:
    desk.fails = {2: OperationalError("gone")}
    assert hold_then(desk, Joint(desk.do), [1, 2]) == [desk.fails[2]] * 2
    assert len(desk.batches) == 2


def test_another_key_does_not_wait(desk: Desk) -> None:
    joint = Joint(desk.do)
    desk.goes_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(joint.do, "k", 1)
        assert desk.began.wait(WITHIN_S)
        assert joint._busy == {"k"}
        desk.goes_on.set()
        assert joint.do("other", 2) == 4
        assert first.result(WITHIN_S) == 2
