"""Fan-out, one event at a time: told one at a time, and posted one at a time."""

from benchmarks.fan_out import COLUMNS, VALUE, fan_out, has_events
from benchmarks.scenario import Scenario

TOLD = Scenario(
    key="one-at-a-time",
    title="Fan-out, one event at a time",
    method=(
        "A publisher publishes a text of 200 bytes, waits until every connection has it, and publishes the next. "
        "An event's time is from the moment when there is nothing left to do but to tell the server until the last "
        "connection has it; deliveries/s are all deliveries by the sum of these times. Parley's publisher is another "
        "process of it: by the product's own action it appends 64 events at a time to the log in PostgreSQL, and then "
        "rings them through Redis one by one. So its server goes from event to event as all others do; with a commit "
        "before each event it waits in between, which the next table shows."
    ),
    value=VALUE,
    better="higher",
    suits=has_events,
    measure=lambda bench, running: fan_out(bench, running, 1),
    columns=tuple(column for column in COLUMNS if column.fact != "whole"),
)
POSTED = Scenario(
    key="one-post-at-a-time",
    title="Fan-out, one post at a time",
    method=(
        "The same, but each event is posted and committed when the one before has reached everybody. While it is, the "
        "server and the generator have nothing to do; virtual cores that have rested are slower at first. *With the "
        "post* is by the whole time, from the beginning of the post. Only servers with a log are measured here."
    ),
    value=VALUE,
    better="higher",
    suits=lambda running: 1 in running.ready_publishers,
    measure=lambda bench, running: fan_out(bench, running, 1, posting=True),
    columns=COLUMNS,
)
