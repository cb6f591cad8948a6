"""Fan-out to ten times as many connections on the same server."""

from benchmarks import machine
from benchmarks.fan_out import COLUMNS, VALUE, fan_out, has_events
from benchmarks.peer import Bench, Running
from benchmarks.scenario import Column, Facts, Scenario, percent, thousands, words


def measure(bench: Bench, running: Running) -> Facts:
    many = bench.size.many
    machine.require_files(many)
    fewer = fan_out(bench, running, 1)
    machine.wait_until_idle(running.pids)
    spread: list[str] = []
    facts = fan_out(bench, running, 1, many)
    if running.metrics is not None and running.others:
        spread = [f"{each['parley_deliveries_total']:.0f}" for each in running.metrics()]
    return {
        **facts,
        "many": many,
        "fewer": fewer["value"],
        "keeps": facts["value"] / fewer["value"] if facts["value"] and fewer["value"] else None,
        "spread": ", ".join(spread),
    }


SCENARIO = Scenario(
    key="many-sockets",
    title="Fan-out to many connections",
    method=(
        "As one event at a time, but to more connections on the one server: how many deliveries a second it does with 1000 "
        "of them, just before, and how much of that is left with many. A process that may not have so many open files "
        "says so."
    ),
    value=VALUE,
    better="higher",
    suits=has_events,
    measure=measure,
    columns=(
        Column("connections", "many", thousands),
        Column("with 1000", "fewer", thousands),
        Column("keeps", "keeps", percent),
        *COLUMNS[1:],
        Column("deliveries by process", "spread", words),
    ),
)
