"""What one more idle connection costs the server in memory."""

import sys
import time
from pathlib import Path

import psutil

from benchmarks.peer import Bench, Running
from benchmarks.scenario import Column, Facts, Scenario

SETTLED_KB = 64
LOOK_EVERY_S = 0.5
SETTLES_WITHIN_S = 10.0
SLOWEST_PER_S = 50


def measure(bench: Bench, running: Running) -> Facts:
    assert running.clients is not None
    few, many = bench.size.idle_connections
    with bench.generator.holding(
        running.clients, running.pid, connections=many, timeout=max(60, many / SLOWEST_PER_S)
    ) as held:
        held.open(few)
        before_kb = _settled_kb(running.pid)
        report = held.open(many)
        after_kb = _settled_kb(running.pid)
    return {
        "value": (after_kb - before_kb) / (many - few),
        "few": before_kb / 1024,
        "many": after_kb / 1024,
        "report": report,
    }


def _settled_kb(pid: int) -> float:
    """The memory when it has stopped to change."""
    deadline = time.monotonic() + SETTLES_WITHIN_S
    now_kb = _memory_kb(pid)
    while True:
        time.sleep(LOOK_EVERY_S)
        before_kb, now_kb = now_kb, _memory_kb(pid)
        if abs(now_kb - before_kb) < SETTLED_KB or time.monotonic() > deadline:
            return now_kb


def _memory_kb(pid: int) -> float:
    """What the process has for itself, and its part of what it shares; its resident memory where that is not told."""
    if sys.platform != "linux":
        return psutil.Process(pid).memory_info().rss / 1024
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _megabytes(value: float) -> str:
    return f"{value:.1f}"


SCENARIO = Scenario(
    key="idle-memory",
    title="Memory per idle connection",
    method=(
        "The server's memory (Pss) with more connections minus that with fewer, by their difference, each after it has "
        "settled; the kernel's own buffers are not in it. Parley's connections are authenticated, each as another user, "
        "and follow two streams."
    ),
    value=Column("KB each", "value", _megabytes),
    better="lower",
    suits=lambda running: running.clients is not None,
    measure=measure,
    columns=(Column("MB with few", "few", _megabytes), Column("MB with many", "many", _megabytes)),
)
