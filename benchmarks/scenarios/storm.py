"""A reconnect storm: thousands come back at once, all of whom have missed something."""

import time
from functools import partial

from benchmarks import machine
from benchmarks.peer import Bench, Running
from benchmarks.scenario import (
    ARRIVAL,
    BUSY,
    Column,
    Facts,
    Scenario,
    arrival,
    busy,
    milliseconds,
    thousands,
    times,
)

NEIGHBOURS = 100
MISSED = 100
IN_A_ROOM = 0.2
"""of those who come back to the feed: rooms are smaller"""
PER_S = 25.0
"""events, meanwhile"""
WITHIN_S = 120
READS_ARE_TOLD_WITHIN_S = 11.0
"""PostgreSQL's backends tell their counters when they have been idle for ten seconds, if not before."""


def measure(stream: str, share: float, bench: Bench, running: Running) -> Facts:
    returning = running.returning[stream]
    crowd = round(bench.size.crowd * share)
    machine.require_files(crowd + NEIGHBOURS)
    with bench.generator.holding(
        returning.script,
        running.pids,
        returning.publisher,
        connections=NEIGHBOURS + crowd,
        watched=NEIGHBOURS,
        first=NEIGHBOURS,
        base=returning.position(),
        parallel=crowd,
        timeout=WITHIN_S,
        stall=10,
    ) as held:
        held.open(NEIGHBOURS)
        calm_s = max(bench.size.seconds, MISSED / PER_S + 1)
        calm = held.do(f"pace {PER_S} {calm_s}")
        time.sleep(max(0.0, READS_ARE_TOLD_WITHIN_S - calm_s))
        reads_before = returning.reads()
        report = held.do(f"storm {NEIGHBOURS + crowd} {MISSED} {PER_S}")
        # Everybody is live again if what is published now comes to all of them.
        after = held.do("pace 5 2")
        time.sleep(READS_ARE_TOLD_WITHIN_S)
        reads = returning.reads() - reads_before
    all_of_it = {
        name: report[name] + after[name] for name in ("expected", "received", "repeats", "gaps", "missed")
    }
    calm_p99, storm_p99 = calm["latency_us"]["p99"], report["latency_us"].get("p99")
    return {
        "value": report["opening_s"] + report["behind_s"],
        "crowd": crowd,
        "live": report["live"] - NEIGHBOURS,
        "per_s": crowd / report["opening_s"],
        "p50": report["opened_us"]["p50"],
        "slowest": report["opened_us"]["max"],
        "reads": reads,
        "reads_each": reads / len(running.pids),
        "calm_p99": calm_p99,
        "storm_p99": storm_p99,
        "neighbours": storm_p99 / calm_p99 if storm_p99 else None,
        "refused": report["refused"],
        "server_us": report["server_cores"] * report["wall_s"] * 1e6 / crowd,
        **arrival({**report, **all_of_it, "lost": after["lost"]}),
        **busy(report),
        "report": report,
        "calm": calm,
        "after": after,
    }


def _seconds(value: float) -> str:
    return f"{value:.2f}"


def _scenario(stream: str, key: str, title: str, method: str, *, share: float = 1.0) -> Scenario:
    return Scenario(
        key=key,
        title=title,
        method=method,
        value=Column("s until all have all", "value", _seconds),
        better="lower",
        suits=lambda running: stream in running.returning,
        measure=partial(measure, stream, share),
        columns=(
            Column("clients", "crowd", thousands),
            Column("live again", "live", thousands),
            Column("clients/s", "per_s", thousands),
            Column("p50 ms", "p50", milliseconds),
            Column("slowest ms", "slowest", milliseconds),
            Column("server's µs each", "server_us", thousands),
            Column("refused", "refused", thousands),
            Column("reads of the log", "reads", thousands),
            Column("by each process", "reads_each", lambda value: f"{value:.1f}"),
            Column("neighbours' p99 ms, calm", "calm_p99", milliseconds),
            Column("in the storm", "storm_p99", milliseconds),
            Column("that is", "neighbours", times),
            *ARRIVAL,
            *BUSY,
        ),
        is_native=True,
    )


FEED = _scenario(
    "feed",
    "storm",
    "A reconnect storm",
    f"{NEIGHBOURS} clients follow the feed and hear {PER_S:.0f} events a second. Then many more come at the same moment, each as "
    f"another user who was here before and has missed the last {MISSED} events, and recovers them; events go on meanwhile. "
    "*Delivered* and *order* are of everything: what was missed, what came in the storm, and what is published after it to "
    "see that all are live. *Reads of the log* are what PostgreSQL counted on the table of events, by whomever, from before "
    "the storm until after it; *by each process* is that, divided among those of the server.",
)
ROOM = _scenario(
    "room",
    "storm-room",
    "A reconnect storm in a room",
    "The same in a room of which all of them are members, so that each must be asked about at the database.",
    share=IN_A_ROOM,
)
