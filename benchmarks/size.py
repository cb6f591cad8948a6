"""How much is measured: quick, usual or full."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    many: int
    """connections, where it is about how many there are"""
    cycles: int
    """connections that come and go"""
    threads: int
    """chats of two"""
    crowd: int
    """clients that come back all at once"""
    stalled: tuple[int, int]
    """how many clients do not read, and among how many"""
    peers: frozenset[str] | None = None
    """the only ones measured; None: all"""
    scenarios: frozenset[str] | None = None
    """the only ones measured; None: all"""
    peers_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """of scenarios that take long, or tell little of most servers, the only peers that go through them; others: all"""

    def has(self, scenario: str, peer: str) -> bool:
        return peer in self.peers_of.get(scenario, {peer})

    @property
    def people(self) -> int:
        """How many need an account."""
        return max(
            self.connections,
            self.accepted,
            self.many,
            self.crowd + 200,
            2 * self.threads,
            *self.idle_connections,
        )


SIZES = {
    "quick": Size(
        "quick", 1, 2, 1000, (200, 600), 600, many=2000, cycles=1000, threads=100, crowd=500, stalled=(10, 500),
        peers=frozenset({"parley", "stock-pubsub", "broadcaster", "broadcaster-joining"}),
        scenarios=frozenset({
            "idle-memory", "accepting", "one-at-a-time", "in-flight", "paced", "posting-socket", "posting-rest",
            "webhook-calls", "storm",
        }),
    ),
    "usual": Size(
        "usual", 1, 3, 1000, (200, 1000), 1000, many=10_000, cycles=5000, threads=1000, crowd=5000,
        stalled=(20, 1000),
        peers_of={
            "many-sockets": frozenset({"parley", "parley-4", "stock-pubsub", "socketio", "nchan", "broadcaster"}),
            "storm": frozenset({"parley"}),
            "storm-room": frozenset({"parley"}),
            "stalled": frozenset({"parley"}),
            "coming-and-going": frozenset({"parley", "stock-pubsub"}),
        },
    ),
    "full": Size(
        "full", 3, 10, 1000, (1000, 10_000), 5000, many=10_000, cycles=100_000, threads=1000, crowd=5000,
        stalled=(100, 5000),
    ),
}  # fmt: skip
