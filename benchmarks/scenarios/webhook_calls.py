"""Taking what platforms send: signed calls, each answered 200 when what it brought is committed."""

from benchmarks.peer import Bench, Running
from benchmarks.scenario import BUSY, Column, Facts, Scenario, busy, milliseconds, thousands

CALLERS = 32


def measure(bench: Bench, running: Running) -> Facts:
    script = running.posting["webhook"]
    report = bench.generator.ask(script, running.pids, connections=CALLERS, seconds=bench.size.seconds)
    return {
        "value": report["answered"] / report["wall_s"],
        "p50": report["latency_us"]["p50"],
        "p99": report["latency_us"]["p99"],
        "refused": report["refusals"],
        "server_us": report["server_cores"] * report["wall_s"] * 1e6 / report["answered"],
        **busy(report),
        "report": report,
    }


SCENARIO = Scenario(
    key="webhook-calls",
    title="Signed webhook calls",
    method=f"{CALLERS} callers bring one Messenger event in each call, all of them different, signed beforehand, over kept-alive "
    "connections, each the next when the last was answered with 200, which means committed to a PostgreSQL whose commits wait "
    "for the disk. The stock view checks the same signature and inserts the same row.",
    value=Column("calls/s", "value", thousands),
    better="higher",
    suits=lambda running: "webhook" in running.posting,
    measure=measure,
    columns=(
        Column("p50 ms", "p50", milliseconds),
        Column("p99 ms", "p99", milliseconds),
        Column("server's µs each", "server_us", thousands),
        Column("refused", "refused", thousands),
        *BUSY,
    ),
)
