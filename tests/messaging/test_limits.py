"""Limits: exact within a minute, over all processes, and no reason to stop when the shared cache is down."""

import sys
import time
from collections.abc import Iterator
from functools import partial

import pytest
import time_machine

from messaging import limits
from messaging.errors import TooMany
from tests.messaging.together import together
from tests.services import Valkey


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Stands still, early in a minute."""
    with time_machine.travel(time.time() // 60 * 60 + 10, tick=False) as traveller:
        yield traveller


def granted(subject: object, *, per_minute: int, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limits.spend("test", subject, per_minute=per_minute)
        except TooMany:
            continue
        count += 1
    return count


@pytest.mark.parametrize("per_minute", [1, 7, 20, 119, 120, 1200])
def test_as_many_as_a_minute_allows_and_not_one_more(per_minute: int) -> None:
    assert granted("somebody", per_minute=per_minute, tries=per_minute + 50) == per_minute


def test_each_has_their_own(clock: time_machine.Traveller) -> None:
    assert granted("alice", per_minute=3, tries=10) == 3
    assert granted("bob", per_minute=3, tries=10) == 3
    clock.shift(60)
    assert granted("alice", per_minute=3, tries=10) == 3


def test_a_refusal_says_when_to_come_back() -> None:
    limits.spend("test", "somebody", per_minute=1)
    with pytest.raises(TooMany) as refused:
        limits.spend("test", "somebody", per_minute=1)
    assert refused.value.retry_after_s == 50


def test_processes_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    total = 0
    for _ in range(4):
        monkeypatch.setattr(limits, "_limits", limits._Limits())
        total += granted("somebody", per_minute=100, tries=40)
    assert total <= 100
    assert total >= 100 - 4 * 5  # what a process took in advance and did not spend


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    """They give way to each other all the time, as if each count were a round trip."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty_threads")
def test_a_process_that_ends_takes_a_twentieth_with_it_however_many_threads_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three processes of eight threads, restarted one after the other while everybody is at it."""
    for number in range(5):
        spend = partial(limits.spend, "test", f"office-{number}", per_minute=200)
        for _ in range(6):
            monkeypatch.setattr(limits, "_limits", limits._Limits())
            assert together([spend] * 8) == [None] * 8
        monkeypatch.setattr(limits, "_limits", limits._Limits())
        assert granted(f"office-{number}", per_minute=200, tries=200) == 200 - 6 * 10


@pytest.mark.needs_redis
def test_without_the_shared_cache_each_process_counts_for_itself(valkey: Valkey) -> None:
    valkey.kill()
    assert granted("somebody", per_minute=5, tries=10) == 5


def test_a_crowd_makes_nobody_s_count_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a process counts for itself."""
    monkeypatch.setattr(limits._limits, "_avoid_until", float("inf"))
    assert granted("somebody", per_minute=5, tries=3) == 3
    for number in range(2000):
        limits.spend("test", f"somebody-{number}", per_minute=5)
    assert granted("somebody", per_minute=5, tries=10) == 2
