"""How long an event takes while 25 000 deliveries a second go on."""

from benchmarks.fan_out import has_events
from benchmarks.peer import Bench, Running
from benchmarks.scenario import ARRIVAL, BUSY, Column, Facts, Scenario, arrival, busy, milliseconds

DELIVERIES_PER_S = 25_000
BEHIND_S = 1.0


def measure(bench: Bench, running: Running) -> Facts:
    assert running.clients is not None
    assert running.publisher is not None
    report = bench.generator.flow(
        "paced",
        running.clients,
        running.publisher,
        running.pids,
        connections=bench.size.connections,
        per_second=DELIVERIES_PER_S / bench.size.connections,
        seconds=bench.size.seconds,
        backlog=round(DELIVERIES_PER_S / bench.size.connections * BEHIND_S),
    )
    if not report["keeps_up"]:
        return {"value": None, **busy(report), "report": report}
    latency, whole = report["latency_us"], report["whole_latency_us"]
    return {
        "value": latency["p99"],
        "p50": latency["p50"],
        "whole_p50": whole["p50"],
        "whole_p99": whole["p99"],
        **arrival(report),
        **busy(report),
        "report": report,
    }


SCENARIO = Scenario(
    key="paced",
    title="Latency at 25 000 deliveries a second",
    method=(
        "The publisher publishes at a fixed rate, whether or not what came before has arrived. p50 and p99 are of all "
        "deliveries, from publication (as above) to arrival; *with the post* is from the beginning of the post. "
        "*cannot* is a server that falls more than a second behind."
    ),
    value=Column("p99 ms", "value", milliseconds),
    better="lower",
    suits=has_events,
    measure=measure,
    columns=(
        Column("p50 ms", "p50", milliseconds),
        Column("p50 with the post", "whole_p50", milliseconds),
        Column("p99 with the post", "whole_p99", milliseconds),
        *ARRIVAL,
        *BUSY,
    ),
)
