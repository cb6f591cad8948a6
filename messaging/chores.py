"""What schedules can do: chores by name, which whoever has one announces here."""

from collections.abc import Callable
from typing import NamedTuple

BROADCAST = "broadcast"
"""The one chore that is no function: the schedule's own text is said to everybody."""


class ScheduledChore(NamedTuple):
    """What it is called in the admin, and what does it, returning how many it concerned.

    It may be begun again after its worker was killed: what is done must not be done twice by it.
    """

    title: str
    run: Callable[[], int]


_chores: dict[str, ScheduledChore] = {}


def announce_chore(name: str, title: str, run: Callable[[], int]) -> None:
    _chores[name] = ScheduledChore(title, run)


def chore_named(name: str) -> ScheduledChore | None:
    return _chores.get(name)


def chore_titles() -> list[tuple[str, str]]:
    """All that can be scheduled: names and titles."""
    return [
        *((name, chore.title) for name, chore in sorted(_chores.items())),
        (BROADCAST, "Say something to everybody"),
    ]
