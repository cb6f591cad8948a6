"""Many chats of two at once: told to by another process, and talking by themselves."""

from benchmarks.fan_out import COLUMNS, VALUE, facts_of
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
)

TIMEOUT_S = 60


def fan_out_to_threads(bench: Bench, running: Running) -> Facts:
    assert running.threads is not None
    threads = bench.size.threads
    report = bench.generator.flow(
        "fanout",
        running.threads.clients,
        running.threads.publisher,
        running.pids,
        connections=2 * threads,
        streams=threads,
        window=threads,
        seconds=bench.size.seconds,
        timeout=TIMEOUT_S,
    )
    return {**facts_of(report), "threads": threads}


def talk(bench: Bench, running: Running) -> Facts:
    assert running.threads is not None
    threads = bench.size.threads
    report = bench.generator.talk(
        running.threads.talking,
        running.pids,
        connections=2 * threads,
        seconds=bench.size.seconds,
        timeout=TIMEOUT_S,
    )
    return {
        "value": report["heard"] / 2 / report["wall_s"],
        "threads": threads,
        "p50": report["latency_us"].get("p50"),
        "p99": report["latency_us"].get("p99"),
        "server_us": report["server_cores"] * report["wall_s"] * 1e6 / max(report["heard"], 1),
        "refused": report["refusals"],
        **arrival(report),
        **busy(report),
        "report": report,
    }


TOLD = Scenario(
    key="threads",
    title="Threads, an event in each",
    method=(
        "Chats of two people, all followed at once. The publisher puts one event into each of them, and the next ones when "
        "all have arrived. Parley's publisher commits them together, each to its own chat's log."
    ),
    value=VALUE,
    better="higher",
    suits=lambda running: running.threads is not None,
    measure=fan_out_to_threads,
    columns=(Column("threads", "threads", thousands), *COLUMNS),
    is_native=True,
)

TALKING = Scenario(
    key="talking",
    title="Threads, all talking",
    method=(
        "In each of these chats one says something over the socket, the other answers it as soon as it is there, and so on. A "
        "message's time is from when it is said to when the other has it; both hear both, and order is checked for either. "
        "Parley commits every message to PostgreSQL, whose commits wait for the disk, before anybody has it; stock Channels "
        "stores nothing."
    ),
    value=Column("messages/s", "value", thousands),
    better="higher",
    suits=lambda running: running.threads is not None,
    measure=talk,
    columns=(
        Column("threads", "threads", thousands),
        Column("p50 ms", "p50", milliseconds),
        Column("p99 ms", "p99", milliseconds),
        Column("server's µs per delivery", "server_us", thousands),
        Column("refused", "refused", thousands),
        *ARRIVAL,
        *BUSY,
    ),
    is_native=True,
)
