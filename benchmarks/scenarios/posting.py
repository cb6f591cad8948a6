"""Posting: a message stored and told, by socket and by REST."""

from functools import partial

from benchmarks.peer import Bench, Running
from benchmarks.scenario import BUSY, Column, Facts, Scenario, busy, milliseconds, thousands

WRITERS = 32


def measure(way: str, bench: Bench, running: Running) -> Facts:
    report = bench.generator.ask(
        running.posting[way], running.pids, connections=WRITERS, seconds=bench.size.seconds
    )
    return {
        "value": report["answered"] / report["wall_s"],
        "p50": report["latency_us"]["p50"],
        "p99": report["latency_us"]["p99"],
        "refused": report["refusals"],
        "server_us": report["server_cores"] * report["wall_s"] * 1e6 / report["answered"],
        **busy(report),
        "report": report,
    }


def _scenario(way: str, title: str, method: str) -> Scenario:
    return Scenario(
        key=f"posting-{way}",
        title=title,
        method=method,
        value=Column("posts/s", "value", thousands),
        better="higher",
        suits=lambda running: way in running.posting,
        measure=partial(measure, way),
        columns=(
            Column("p50 ms", "p50", milliseconds),
            Column("p99 ms", "p99", milliseconds),
            Column("server's µs each", "server_us", thousands),
            Column("refused", "refused", thousands),
            *BUSY,
        ),
    )


BY_SOCKET = _scenario(
    "socket",
    "Posting by socket",
    f"{WRITERS} people post into one chat, each the next message when the last was answered, over a WebSocket each, into "
    "PostgreSQL whose commits wait for the disk. Answered means committed. A peer without a way to post by socket is "
    "measured by the one that it has.",
)
BY_REST = _scenario(
    "rest",
    "Posting by REST",
    f"The same over {WRITERS} kept-alive HTTP connections. The stock view is a REST framework view with its own token "
    "authentication that inserts the message and calls `group_send`.",
)
