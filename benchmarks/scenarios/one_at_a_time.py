"""Fan-out, one event at a time."""

from benchmarks.fan_out import COLUMNS, VALUE, fan_out, has_events
from benchmarks.scenario import Scenario

SCENARIO = Scenario(
    key="one-at-a-time",
    title="Fan-out, one event at a time",
    method=(
        "A publisher publishes a text of 200 bytes, waits until every connection has it, and publishes the next. "
        "An event's time is from the moment when there is nothing left to do but to tell the server until the last "
        "connection has it; deliveries/s are all deliveries by the sum of these times. For Parley that moment is "
        "after the commit: the publisher is another process of it, which posts by the product's own action and so "
        "appends to the log in PostgreSQL before its event goes to Redis. *With the post* counts that too."
    ),
    value=VALUE,
    better="higher",
    suits=has_events,
    measure=lambda bench, running: fan_out(bench, running, 1),
    columns=COLUMNS,
)
