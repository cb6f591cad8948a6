"""The cast in front of browsers that run no scripts."""

import pytest

from messaging.models import User
from tests.pages.visitor import Visitor


@pytest.fixture
def nobody(db: None) -> Visitor:
    return Visitor()


@pytest.fixture
def as_alice(alice: User) -> Visitor:
    return Visitor(alice)


@pytest.fixture
def as_bob(bob: User) -> Visitor:
    return Visitor(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Visitor:
    return Visitor(charlie)


@pytest.fixture
def as_olive(olive: User) -> Visitor:
    return Visitor(olive)
