"""Fan-out in closed rounds: what the scenarios that publish and wait have in common."""

from benchmarks.generator import Report
from benchmarks.peer import Bench, Running
from benchmarks.scenario import (
    ARRIVAL,
    BUSY,
    Column,
    Facts,
    arrival,
    busy,
    microseconds,
    milliseconds,
    thousands,
)

SLOWEST_PER_S = 200
STALL_S = 5
SLOWEST_DELIVERIES_PER_S = 1000
"""With more connections, a slow server needs longer before anybody has an event."""


def fan_out(
    bench: Bench, running: Running, window: int, connections: int | None = None, *, posting: bool = False
) -> Facts:
    """Rounds of `window` events: published at once, and the next round when every connection has all of them. `posting`: none
    is ready before it is published, not even in the log.
    """
    assert running.clients is not None
    assert running.publisher is not None
    has_ready = bench.generator.is_native and not posting
    publisher = running.ready_publishers.get(window, running.publisher) if has_ready else running.publisher
    wanted = connections or bench.size.connections
    report = bench.generator.flow(
        "fanout",
        running.clients,
        publisher,
        running.pids,
        connections=wanted,
        window=window,
        ahead=publisher.ahead,
        seconds=bench.size.seconds,
        timeout=max(60, wanted / SLOWEST_PER_S),
        stall=max(STALL_S, wanted / SLOWEST_DELIVERIES_PER_S),
    )
    return facts_of(report)


def facts_of(report: Report) -> Facts:
    """Of a server that has delivered nothing there is only to say that."""
    received = report["received"] or None
    return {
        "value": received and received / report["told_s"],
        "whole": received and received / report["began_s"],
        "p50": report["latency_us"].get("p50"),
        "p99": report["latency_us"].get("p99"),
        "server_us": received and report["server_cores"] * report["wall_s"] * 1e6 / received,
        "bytes": received and report["bytes"] / received,
        **arrival(report),
        **busy(report),
        "report": report,
    }


def has_events(running: Running) -> bool:
    return running.clients is not None and running.publisher is not None


VALUE = Column("deliveries/s", "value", thousands)
COLUMNS = (
    Column("with the post", "whole", thousands),
    Column("p50 ms", "p50", milliseconds),
    Column("p99 ms", "p99", milliseconds),
    Column("server's µs each", "server_us", microseconds),
    Column("bytes each", "bytes", thousands),
    *ARRIVAL,
    *BUSY,
)
