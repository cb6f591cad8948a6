"""What the tests of faults get: a thread of their own for what they do to the database, and a seed that can be set."""

import os
import random
import sys
from collections.abc import Iterator

import pytest

from messaging.database import DatabaseThreads


@pytest.fixture
def database(transactional_db: None) -> Iterator[DatabaseThreads]:
    """The core's own actions and queries for an asynchronous test, which must not run them on the event loop."""
    threads = DatabaseThreads("tests", 1)
    yield threads
    threads.close(wait_s=10)


@pytest.fixture
def rng() -> random.Random:
    """Decides what happens when; pytest shows its seed when the test fails, PARLEY_FAULTS_SEED sets it."""
    seed = os.environ.get("PARLEY_FAULTS_SEED") or str(random.randrange(2**32))
    sys.stdout.write(f"PARLEY_FAULTS_SEED={seed}\n")
    return random.Random(seed)
