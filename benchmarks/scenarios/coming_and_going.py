"""Whether a server grows while connections come and go."""

from benchmarks.memory import settled_kb
from benchmarks.peer import Bench, Running
from benchmarks.scenario import BUSY, Column, Facts, Scenario, busy, megabytes, thousands, words

AT_ONCE = 32
CLIENTS = 500
SEGMENTS = 4
ALLOWED_KB = 2048
"""What an allocator may keep or not, whatever is asked of it."""
ALLOWED_BYTES_EACH = 32
"""No object of Python's is smaller than half of this; one that is forgotten with every connection shows."""


def measure(bench: Bench, running: Running) -> Facts:
    script = running.recovering() if running.recovering is not None else running.clients
    assert script is not None
    cycles = bench.size.cycles
    segment = cycles // SEGMENTS
    with bench.generator.holding(
        script, running.pids, connections=CLIENTS, parallel=AT_ONCE, stall=30, timeout=60
    ) as held:
        held.do(f"churn {max(CLIENTS * 2, segment)}")  # what is made once is made
        memory_kb, reports = [settled_kb(running.pids)], []
        for _ in range(SEGMENTS):
            reports.append(held.do(f"churn {segment}"))
            memory_kb.append(settled_kb(running.pids))
    kept_kb = memory_kb[-1] - memory_kb[0]
    grows = kept_kb > ALLOWED_KB + ALLOWED_BYTES_EACH * cycles / 1024
    wall_s = sum(each["wall_s"] for each in reports)
    seen = [busy(each) for each in reports]
    return {
        "value": segment * SEGMENTS / wall_s,
        "cycles": segment * SEGMENTS,
        "before": memory_kb[0] / 1024,
        "after": memory_kb[-1] / 1024,
        "kept": kept_kb * 1024 / (segment * SEGMENTS),
        "verdict": "grows" if grows else "does not grow",
        "server_us": sum(each["server_cores"] * each["wall_s"] for each in reports)
        * 1e6
        / (segment * SEGMENTS),
        **{name: sum(each[name] for each in seen) / len(seen) for name in seen[0]},
        "memory_kb": memory_kb,
        "reports": reports,
    }


def _bytes(value: float) -> str:
    return f"{value:+.0f}"


SCENARIO = Scenario(
    key="coming-and-going",
    title="Coming and going",
    method=(
        f"{AT_ONCE} connections at a time become live and go again at once, every other one with a closing handshake and the "
        "others with a reset. The server's memory (Pss) is looked at before and after, each time when it has settled, and "
        f"after as many as a quarter of these had come and gone. *Grows* is more than {ALLOWED_KB // 1024} MB and "
        f"{ALLOWED_BYTES_EACH} bytes for each connection. For Parley each is another user with two subscriptions, of which "
        "one recovers an event."
    ),
    value=Column("connections/s", "value", thousands),
    better="higher",
    suits=lambda running: running.clients is not None,
    measure=measure,
    columns=(
        Column("connections", "cycles", thousands),
        Column("MB before", "before", megabytes),
        Column("MB after", "after", megabytes),
        Column("bytes kept each", "kept", _bytes),
        Column("verdict", "verdict", words),
        Column("server's µs each", "server_us", thousands),
        *BUSY,
    ),
    is_native=True,
)
