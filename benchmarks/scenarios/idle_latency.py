"""How long an event takes on a system that has nothing else to do."""

from benchmarks.fan_out import has_events
from benchmarks.peer import Bench, Running
from benchmarks.scenario import ARRIVAL, BUSY, Column, Facts, Scenario, arrival, busy, milliseconds

CONNECTIONS = 2
PER_S = 25.0


def measure(bench: Bench, running: Running) -> Facts:
    assert running.clients is not None
    assert running.publisher is not None
    report = bench.generator.flow(
        "paced",
        running.clients,
        running.publisher,
        running.pids,
        connections=CONNECTIONS,
        per_second=PER_S,
        seconds=bench.size.seconds,
        backlog=PER_S,
    )
    latency, whole = report["latency_us"], report["whole_latency_us"]
    return {
        "value": latency["p50"],
        "p99": latency["p99"],
        "whole_p50": whole["p50"],
        "whole_p99": whole["p99"],
        **arrival(report),
        **busy(report),
        "report": report,
    }


SCENARIO = Scenario(
    key="idle-latency",
    title="Latency on an idle system",
    method=(
        f"{CONNECTIONS} connections, {PER_S:.0f} events a second, from publication to arrival; *with the post* is from the "
        "beginning of the post."
    ),
    value=Column("p50 ms", "value", milliseconds),
    better="lower",
    suits=has_events,
    measure=measure,
    columns=(
        Column("p99 ms", "p99", milliseconds),
        Column("p50 with the post", "whole_p50", milliseconds),
        Column("p99 with the post", "whole_p99", milliseconds),
        *ARRIVAL,
        *BUSY,
    ),
)
