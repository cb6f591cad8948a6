"""What a check says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Gravity = Literal["wrong", "advice"]


@dataclass(frozen=True)
class Finding:
    """`name` is stable. `wrong`: people will notice; `advice`: they may one day."""

    name: str
    what: str
    mend: str
    gravity: Gravity = "wrong"


@dataclass(frozen=True)
class Visit:
    """What the doctor was asked: `url` is where people find the site (empty: leave the proxy out), and how long a silent
    connection is watched.
    """

    url: str
    patience_s: float


Check = Callable[[Visit], Iterator[Finding]]
