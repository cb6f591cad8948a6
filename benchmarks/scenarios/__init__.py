"""What is measured, one file each, in the order in which a server goes through it.

Memory comes first: it wants a server that has done nothing yet.
"""

from benchmarks.scenarios import (
    accepting,
    answering,
    coming_and_going,
    echo,
    idle_latency,
    idle_memory,
    in_flight,
    many_sockets,
    one_at_a_time,
    paced,
    posting,
    stalled,
    storm,
    threads,
    webhook_calls,
)

SCENARIOS = (
    idle_memory.SCENARIO,
    accepting.SCENARIO,
    echo.SCENARIO,
    one_at_a_time.TOLD,
    one_at_a_time.POSTED,
    in_flight.TOLD,
    in_flight.POSTED,
    paced.SCENARIO,
    idle_latency.SCENARIO,
    posting.BY_SOCKET,
    posting.BY_REST,
    webhook_calls.SCENARIO,
    answering.SCENARIO,
    threads.TOLD,
    threads.TALKING,
    many_sockets.SCENARIO,
    storm.FEED,
    storm.ROOM,
    stalled.SCENARIO,
    coming_and_going.SCENARIO,
)
