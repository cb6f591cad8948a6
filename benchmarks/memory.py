"""How much memory a server has, which may be several processes."""

import contextlib
import sys
import time
from pathlib import Path

import psutil

from benchmarks.generator import Pids, with_children

SETTLED_KB = 64
LOOK_EVERY_S = 0.5
SETTLES_WITHIN_S = 10.0


def settled_kb(pids: Pids) -> float:
    """The memory when it has stopped to change."""
    deadline = time.monotonic() + SETTLES_WITHIN_S
    now_kb = memory_kb(pids)
    while True:
        time.sleep(LOOK_EVERY_S)
        before_kb, now_kb = now_kb, memory_kb(pids)
        if abs(now_kb - before_kb) < SETTLED_KB or time.monotonic() > deadline:
            return now_kb


def memory_kb(pids: Pids) -> float:
    """What the processes have for themselves, and their part of what they share; resident memory where that is not told."""
    if sys.platform != "linux":
        return resident_kb(pids)
    return sum(map(_proportional_kb, with_children(pids)))


def resident_kb(pids: Pids) -> float:
    """Quick to ask for, so it may be asked for again and again while the server works."""
    return sum(psutil.Process(pid).memory_info().rss / 1024 for pid in pids)


def _proportional_kb(pid: int) -> float:
    with contextlib.suppress(FileNotFoundError):  # it has just ended
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0.0
