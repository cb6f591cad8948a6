"""The plainest thing a WebSocket server does: it is told something, and says it again."""

from benchmarks.peer import Bench, Running
from benchmarks.scenario import BUSY, Column, Facts, Scenario, busy, milliseconds, thousands

CONNECTIONS = 100


def measure(bench: Bench, running: Running) -> Facts:
    assert running.echo is not None
    report = bench.generator.ask(
        running.echo, running.pids, connections=CONNECTIONS, seconds=bench.size.seconds
    )
    return {
        "value": report["answered"] / report["wall_s"],
        "p50": report["latency_us"]["p50"],
        "p99": report["latency_us"]["p99"],
        "server_us": report["server_cores"] * report["wall_s"] * 1e6 / report["answered"],
        **busy(report),
        "report": report,
    }


SCENARIO = Scenario(
    key="echo",
    title="Echo",
    method=(
        f"{CONNECTIONS} connections say 200 bytes each, and again when it came back. For Parley it is the cheapest command there "
        "is, the end of a subscription that does not exist: the whole protocol but no database, in place of an echo."
    ),
    value=Column("answers/s", "value", thousands),
    better="higher",
    suits=lambda running: running.echo is not None,
    measure=measure,
    columns=(
        Column("p50 ms", "p50", milliseconds),
        Column("p99 ms", "p99", milliseconds),
        Column("server's µs each", "server_us", thousands),
        *BUSY,
    ),
)
