"""What is measured, one file each, in the order in which a server goes through it.

Memory comes first: it wants a server that has done nothing yet.
"""

from benchmarks.scenarios import (
    accepting,
    answering,
    idle_memory,
    in_flight,
    one_at_a_time,
    paced,
    posting,
    webhook_calls,
)

SCENARIOS = (
    idle_memory.SCENARIO,
    accepting.SCENARIO,
    one_at_a_time.SCENARIO,
    in_flight.SCENARIO,
    paced.SCENARIO,
    posting.BY_SOCKET,
    posting.BY_REST,
    webhook_calls.SCENARIO,
    answering.SCENARIO,
)
