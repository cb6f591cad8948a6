"""How much is measured: quick, usual or full."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """What a run may take. Repetitions are interleaved: every server once, then every server again."""

    name: str
    repetitions: int
    seconds: float
    """of each measurement"""
    connections: int
    idle_connections: tuple[int, int]
    """Between these two, memory is divided by their difference."""
    accepted: int
    """handshakes in a measurement of accepting"""
    peers: frozenset[str] | None = None
    """the only ones measured; None: all"""


SIZES = {
    "quick": Size(
        "quick", 1, 2, 1000, (200, 600), 600,
        frozenset({"parley", "stock-core", "stock-pubsub", "broadcaster", "broadcaster-joining"}),
    ),
    "usual": Size("usual", 3, 3, 1000, (200, 1000), 1000),
    "full": Size("full", 3, 10, 1000, (1000, 10_000), 5000),
}  # fmt: skip
