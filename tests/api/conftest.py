"""The cast at the REST door."""

import time
from collections.abc import Iterator

import pytest
import time_machine

from messaging.models import User
from tests.api.door import Caller


@pytest.fixture
def nobody() -> Caller:
    return Caller()


@pytest.fixture
def as_alice(alice: User) -> Caller:
    return Caller(alice)


@pytest.fixture
def as_bob(bob: User) -> Caller:
    return Caller(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Caller:
    return Caller(charlie)


@pytest.fixture
def as_olive(olive: User) -> Caller:
    return Caller(olive)


@pytest.fixture
def within_a_minute() -> Iterator[None]:
    """The clock stands still: what is counted by the minute falls into one."""
    with time_machine.travel(time.time() // 60 * 60 + 10, tick=False):
        yield
