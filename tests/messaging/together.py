"""Runs calls on many threads at once, each with a database connection of its own, as a server does."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

from messaging.errors import ParleyError

T = TypeVar("T")


def together(calls: Sequence[Callable[[], T]], *, threads: int = 8) -> list[T | ParleyError]:
    """What each call returned or was refused with, in the order of the calls; the first of each thread start at once."""
    threads = min(threads, len(calls))
    start = threading.Barrier(threads)
    shares = [range(number, len(calls), threads) for number in range(threads)]
    outcomes: dict[int, T | ParleyError] = {}

    def work(share: range) -> None:
        try:
            start.wait(30)
            for number in share:
                try:
                    outcomes[number] = calls[number]()
                except ParleyError as error:
                    outcomes[number] = error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, share) for share in shares]:
            done.result(60)
    return [outcomes[number] for number in range(len(calls))]
