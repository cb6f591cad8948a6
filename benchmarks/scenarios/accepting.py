"""How fast a server takes clients, as when all of them come back after a deploy."""

from benchmarks.peer import Bench, Running
from benchmarks.scenario import BUSY, Column, Facts, Scenario, busy, milliseconds, thousands

AT_ONCE = 32
SLOWEST_PER_S = 50


def measure(bench: Bench, running: Running) -> Facts:
    script = running.recovering() if running.recovering is not None else running.clients
    assert script is not None
    wanted = bench.size.accepted
    with bench.generator.holding(
        script, running.pids, connections=wanted, timeout=max(60, wanted / SLOWEST_PER_S), parallel=AT_ONCE
    ) as held:
        report = held.open(wanted)
    return {
        "value": report["live"] / report["opening_s"],
        "p50": report["opened_us"]["p50"],
        "p99": report["opened_us"]["p99"],
        "refused": report["refused"] + report["lost"],
        "server_us": report["server_cores"] * report["wall_s"] * 1e6 / report["live"],
        **busy(report),
        "report": report,
    }


SCENARIO = Scenario(
    key="accepting",
    title="Accepting",
    method=(
        f"Connections per second, {AT_ONCE} under way at a time, each counted when it is live. For Parley that is the "
        "handshake, `connect` with a token, and two subscriptions of which one recovers a missed event; for the others "
        "it is what makes a client a subscriber there, without authentication."
    ),
    value=Column("connections/s", "value", thousands),
    better="higher",
    suits=lambda running: running.clients is not None,
    measure=measure,
    columns=(
        Column("p50 ms", "p50", milliseconds),
        Column("p99 ms", "p99", milliseconds),
        Column("server's µs each", "server_us", thousands),
        Column("refused", "refused", thousands),
        *BUSY,
    ),
)
