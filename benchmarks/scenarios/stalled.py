"""Clients that stop to read, among many that do not."""

from collections.abc import Callable

from benchmarks import machine
from benchmarks.generator import Pids
from benchmarks.memory import resident_kb
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
    times,
)

DELIVERIES_PER_S = 25_000
CALM_S = 6.0
AFTER_S = 2.0
WITHIN_S = 120.0
LOOKS = 10
COME_BACK = range(3000, 3500)
"""close codes after which clients connect again, by the protocol"""


def measure(bench: Bench, running: Running) -> Facts:
    returning, metrics = running.returning["large"], running.metrics
    assert metrics is not None
    stopped, crowd = bench.size.stalled
    machine.require_files(crowd)
    readers, per_s = crowd - stopped, DELIVERIES_PER_S / crowd
    with bench.generator.holding(
        returning.script,
        running.pids,
        returning.publisher,
        connections=crowd,
        watched=readers,
        small_from=readers,
        base=returning.position(),
        timeout=120,
        stall=10,
    ) as held:
        held.open(crowd)
        held.do(f"pace {per_s} 1")
        calm = held.do(f"pace {per_s} {CALM_S}")
        before_kb = resident_kb(running.pids)
        held.do(f"stop {readers} {crowd}")
        followed_before = _sum_of(metrics, "parley_subscriptions")
        slow_before = _sum_of(metrics, "parley_slow_closes_total")
        peak = _Peak(running.pids)

        def closed() -> int:
            # Who is closed follows nothing from then on; the socket is there until what was sent has been read.
            return crowd - round(crowd * _sum_of(metrics, "parley_subscriptions") / followed_before)

        def all_are_closed() -> bool:
            # The page of metrics costs the server something: it is asked for once in so many looks.
            peak.look()
            return peak.looks % LOOKS == 0 and closed() >= stopped

        report = held.do(f"pace {per_s} {WITHIN_S}", is_enough=all_are_closed)
        closed_ones = closed()
        slow = _sum_of(metrics, "parley_slow_closes_total") - slow_before
        told = held.do(f"read {readers} {crowd}")
        again = held.do(f"again {crowd}")
        # Everybody is live again if what is published now comes to all of them.
        after = held.do(f"pace {per_s} {AFTER_S}")
    calm_p99, p99 = calm["latency_us"]["p99"], report["latency_us"]["p99"]
    codes = {int(code): number for code, number in told["closes"].items()}
    everything = {
        name: sum(each[name] for each in (calm, report, again, after))
        for name in ("expected", "received", "repeats")
    }
    return {
        "value": (peak.kb - before_kb) / stopped,
        "crowd": crowd,
        "stopped": stopped,
        "closed": closed_ones,
        "slow": slow,
        "told": sum(number for code, number in codes.items() if code in COME_BACK),
        "back": again["live"] - readers - again["afresh"],
        "afresh": again["afresh"],
        "calm_p99": calm_p99,
        "p99": p99,
        "neighbours": p99 / calm_p99,
        "after_s": report["wall_s"],
        **arrival({**report, **everything, "lost": after["lost"]}),
        **busy(report),
        "reports": {"calm": calm, "stopped": report, "told": told, "again": again, "after": after},
    }


class _Peak:
    """The most memory that was seen."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self.kb = resident_kb(pids)
        self.looks = 0

    def look(self) -> None:
        self.looks += 1
        self.kb = max(self.kb, resident_kb(self._pids))


def _sum_of(metrics: Callable[[], list[dict[str, float]]], name: str) -> int:
    return round(sum(each[name] for each in metrics()))


def _kilobytes(value: float) -> str:
    return thousands(value)


SCENARIO = Scenario(
    key="stalled",
    title="Clients that do not read",
    method=(
        f"Events of 7 KB go to everybody, {thousands(DELIVERIES_PER_S)} deliveries a second. Some clients stop to read; they and "
        "their kernel keep next to nothing. *KB each* is the most that the server's resident memory rose by meanwhile, for whatever "
        "reason, divided by them; what the kernel keeps for the server is not in it. The server closes them *as too slow* when a "
        "megabyte waits for one, or as silent, if that comes sooner: they answer no pings. When all are closed they read what is "
        "left, and *told* is how many found a close code there after which clients come back. All do: *back* with what they had "
        "missed, *afresh* when it was more than is replayed and the server said so. What these had missed nobody owes them; all "
        "else, and what is published afterwards to see that all are live, is in *delivered* and *order*. p99 is of the others, "
        "before and meanwhile."
    ),
    value=Column("KB each", "value", _kilobytes),
    better="lower",
    suits=lambda running: "large" in running.returning and running.metrics is not None,
    measure=measure,
    columns=(
        Column("clients", "crowd", thousands),
        Column("stopped", "stopped", thousands),
        Column("closed", "closed", thousands),
        Column("as too slow", "slow", thousands),
        Column("told", "told", thousands),
        Column("back", "back", thousands),
        Column("afresh", "afresh", thousands),
        Column("s until closed", "after_s", lambda value: f"{value:.1f}"),
        Column("others' p99 ms, calm", "calm_p99", milliseconds),
        Column("meanwhile", "p99", milliseconds),
        Column("that is", "neighbours", times),
        *ARRIVAL,
        *BUSY,
    ),
    is_native=True,
)
