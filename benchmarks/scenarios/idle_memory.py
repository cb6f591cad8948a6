"""What one more idle connection costs the server in memory."""

from benchmarks import machine
from benchmarks.memory import settled_kb
from benchmarks.peer import Bench, Running
from benchmarks.scenario import Column, Facts, Scenario, megabytes

SLOWEST_PER_S = 50


def measure(bench: Bench, running: Running) -> Facts:
    assert running.clients is not None
    few, many = bench.size.idle_connections
    machine.require_files(many)
    with bench.generator.holding(
        running.clients, running.pids, connections=many, timeout=max(60, many / SLOWEST_PER_S)
    ) as held:
        held.open(few)
        before_kb = settled_kb(running.pids)
        report = held.open(many)
        after_kb = settled_kb(running.pids)
    return {
        "value": (after_kb - before_kb) / (many - few),
        "few": before_kb / 1024,
        "many": after_kb / 1024,
        "report": report,
    }


SCENARIO = Scenario(
    key="idle-memory",
    title="Memory per idle connection",
    method=(
        "The server's memory (Pss) with more connections minus that with fewer, by their difference, each after it has "
        "settled; the kernel's own buffers are not in it. Parley's connections are authenticated, each as another user, "
        "and follow two streams."
    ),
    value=Column("KB each", "value", megabytes),
    better="lower",
    suits=lambda running: running.clients is not None,
    measure=measure,
    columns=(Column("MB with few", "few", megabytes), Column("MB with many", "many", megabytes)),
)
