"""Native ASGI beside Channels: the same echo and the same broadcast, in one table."""

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.peers import ASGI
from benchmarks.report import Results
from benchmarks.scenario import Facts, delivered, microseconds, milliseconds, percent, thousands, words
from benchmarks.scenarios import SCENARIOS as ALL

SCENARIOS = frozenset({"accepting", "echo", "one-at-a-time", "in-flight"})

_COLUMNS: tuple[tuple[str, str, str, Callable[[Any], str]], ...] = (
    ("accepts/s", "accepting", "value", thousands),
    ("echoes/s", "echo", "value", thousands),
    ("p99 ms", "echo", "p99", milliseconds),
    ("broadcast, deliveries/s", "one-at-a-time", "value", thousands),
    ("p99 ms", "one-at-a-time", "p99", milliseconds),
    ("server's µs each", "one-at-a-time", "server_us", microseconds),
    ("32 in flight, deliveries/s", "in-flight", "value", thousands),
    ("delivered", "in-flight", "delivered", delivered),
    ("order", "in-flight", "order", words),
)


def is_of(results: Results) -> bool:
    """Whether this run was one of these."""
    return any(peer.startswith("asgi-") for peer in results.peers)


def table(results: Results) -> list[list[str]]:
    """A row for each server that was measured, a row of titles first. *Strangers* are those of its worst measurement."""
    titles = ["server", *(title for title, _, _, _ in _COLUMNS), "strangers", "runs"]
    return [titles, *(row for peer in ASGI if (row := _row(results, peer.key)))]


def _row(results: Results, peer: str) -> list[str]:
    measured = {each.key: results.of(each, peer) for each in ALL if each.key in SCENARIOS}
    done = {key: [each.facts for each in runs if not each.failure] for key, runs in measured.items()}
    if not any(measured.values()):
        return []
    cells = [
        "failed" if measured[scenario] and not done[scenario] else _cell(done[scenario], fact, shown)
        for _, scenario, fact, shown in _COLUMNS
    ]
    strangers = max((facts["other_cores"] for runs in done.values() for facts in runs), default=0.0)
    return [results.peers[peer], *cells, percent(strangers), str(max(map(len, measured.values())))]


def _cell(done: list[Facts], fact: str, shown: Callable[[Any], str]) -> str:
    values = [each[fact] for each in done if each.get(fact) is not None]
    if not values:
        return ""
    if isinstance(values[0], str):
        return shown(max(values, key=len))
    return shown(min(values) if fact == "delivered" else statistics.median(values))
