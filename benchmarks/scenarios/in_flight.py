"""Fan-out with 32 events in flight: told together, and posted together."""

from benchmarks.fan_out import COLUMNS, VALUE, fan_out, has_events
from benchmarks.scenario import Scenario

IN_FLIGHT = 32

TOLD = Scenario(
    key="in-flight",
    title=f"Fan-out, {IN_FLIGHT} events in flight",
    method=(
        f"The same as one event at a time with {IN_FLIGHT} events published at once, and the next {IN_FLIGHT} when every "
        f"connection has all of them. Parley's publisher has appended them to the log before, {16 * IN_FLIGHT} at a time, and "
        f"rings for {IN_FLIGHT} at once. Order is checked for every connection and event."
    ),
    value=VALUE,
    better="higher",
    suits=has_events,
    measure=lambda bench, running: fan_out(bench, running, IN_FLIGHT),
    columns=tuple(column for column in COLUMNS if column.fact != "whole"),
)
POSTED = Scenario(
    key="posts-in-flight",
    title=f"Fan-out, {IN_FLIGHT} posts in flight",
    method=(
        "The same, but they are posted when those before have reached everybody, and committed in one transaction, as posts of "
        "many people that come together are."
    ),
    value=VALUE,
    better="higher",
    suits=lambda running: IN_FLIGHT in running.ready_publishers,
    measure=lambda bench, running: fan_out(bench, running, IN_FLIGHT, posting=True),
    columns=COLUMNS,
)
