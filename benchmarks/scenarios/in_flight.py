"""Fan-out with 32 events in flight."""

from benchmarks.fan_out import COLUMNS, VALUE, fan_out, has_events
from benchmarks.scenario import Scenario

IN_FLIGHT = 32

SCENARIO = Scenario(
    key="in-flight",
    title=f"Fan-out, {IN_FLIGHT} events in flight",
    method=(
        f"The same with {IN_FLIGHT} events published at once, and the next {IN_FLIGHT} when every connection has all "
        "of them. Parley's publisher appends them to the log in one transaction; they ring one by one. Order is "
        "checked for every connection and event."
    ),
    value=VALUE,
    better="higher",
    suits=has_events,
    measure=lambda bench, running: fan_out(bench, running, IN_FLIGHT),
    columns=COLUMNS,
)
