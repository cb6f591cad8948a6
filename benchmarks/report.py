"""Results: medians over the repetitions, ratios, and how they are shown."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.scenario import Column, Facts, Scenario

CANNOT = "cannot"
FULLY_BUSY = 0.9


@dataclass(frozen=True)
class Measurement:
    """One scenario, one server, one repetition. `failure` says why there are no facts."""

    scenario: str
    peer: str
    repetition: int
    facts: Facts = field(default_factory=dict)
    failure: str = ""
    took_s: float = 0.0
    """with whatever it waited for"""


@dataclass
class Results:
    """Everything measured in one run, and what there is to know about it."""

    about: Mapping[str, str]
    peers: Mapping[str, str]
    """titles by key, ours first"""
    limits: list[str] = field(default_factory=list)
    """keys of those that show what the machine and the generator can take"""
    missing: dict[str, str] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)

    def of(self, scenario: Scenario, peer: str) -> list[Measurement]:
        return [each for each in self.measurements if (each.scenario, each.peer) == (scenario.key, peer)]

    @classmethod
    def read(cls, file: Path) -> "Results":
        kept = json.loads(file.read_text())
        return cls(**{**kept, "measurements": [Measurement(**each) for each in kept["measurements"]]})

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")


def table(results: Results, scenario: Scenario) -> list[list[str]]:
    """The scenario's rows, a row of titles first; empty if nobody was measured."""
    ours = next(iter(results.peers))
    titles = [
        "server",
        scenario.value.title,
        f"{results.peers[ours]} is",
        *(each.title for each in scenario.columns),
    ]
    rows = [
        _row(scenario, results.peers[peer], measured, results.of(scenario, ours), is_ours=peer == ours)
        for peer in results.peers
        if (measured := results.of(scenario, peer))
    ]
    return [[*titles, "runs"], *rows] if rows else []


def _row(
    scenario: Scenario,
    title: str,
    measured: Sequence[Measurement],
    ours: Sequence[Measurement],
    *,
    is_ours: bool,
) -> list[str]:
    done = [each.facts for each in measured if not each.failure]
    if not done:
        return [title, f"failed: {measured[0].failure.splitlines()[0]}"]
    value = median_of(done, "value")
    return [
        title,
        CANNOT if value is None else f"{_at_least(done)}{scenario.value.format(value)}",
        ""
        if is_ours
        else _ratio(scenario, median_of([each.facts for each in ours if not each.failure], "value"), value),
        *(_cell(column, done) for column in scenario.columns),
        _spread(scenario.value, done, len(measured)),
    ]


def _at_least(done: Sequence[Facts]) -> str:
    """Marks what the generator may have limited: it had nothing left, and the server had."""
    busy = [
        median_of(done, fact) if fact in done[0] else None for fact in ("generator_cores", "server_cores")
    ]
    generator, server = busy
    return "≥ " if generator and server and generator > FULLY_BUSY > server else ""


def _ratio(scenario: Scenario, ours: float | None, theirs: float | None) -> str:
    """How many times better ours is; below 1 it is worse."""
    if not ours or not theirs:
        return ""
    ratio = ours / theirs if scenario.better == "higher" else theirs / ours
    return f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"


def _cell(column: Column, done: Sequence[Facts]) -> str:
    values = [each[column.fact] for each in done if each.get(column.fact) is not None]
    if not values:
        return ""
    if isinstance(values[0], str):
        return column.format(max(values, key=len))  # the longest has something to complain of
    return column.format(min(values) if column.fact == "delivered" else statistics.median(values))


def _spread(column: Column, done: Sequence[Facts], runs: int) -> str:
    values = [each["value"] for each in done if each["value"] is not None]
    if len(values) < 2:
        return str(runs)
    return f"{runs}: {column.format(min(values))} to {column.format(max(values))}"


def median_of(done: Sequence[Facts], fact: str) -> float | None:
    values = [each[fact] for each in done]
    return None if not values or None in values else statistics.median(values)


def room_left(results: Results, scenario: Scenario) -> str:
    """A sentence on whether the generator can have limited the servers, or nothing where that cannot be told."""
    values = {
        peer: value
        for peer in results.peers
        if (done := [each.facts for each in results.of(scenario, peer) if not each.failure])
        and (value := median_of(done, "value"))
    }
    limit = max((values[peer] for peer in results.limits if peer in values), default=0.0)
    servers = [peer for peer in values if peer not in results.limits]
    if scenario.better == "lower" or not limit or not servers:
        return ""
    fastest = max(servers, key=lambda peer: values[peer])
    return (
        f"The load generator took {scenario.value.format(limit)} {scenario.value.title} from the bare C loop in this run; "
        f"{results.peers[fastest]} had {values[fastest] / limit:.0%} of that."
    )


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """In columns, for a terminal."""
    columns = _columns(rows)
    widths = [max(map(len, column)) for column in columns]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in _columns(columns)
    )


def as_markdown(runs: Sequence[Results], scenarios: Iterable[Scenario]) -> str:
    """What is known of the newest run, and each scenario's table from the newest run that has measured it."""
    return "\n".join(_markdown_lines(runs, scenarios)) + "\n"


def _markdown_lines(runs: Sequence[Results], scenarios: Iterable[Scenario]) -> Iterator[str]:
    newest_first = sorted(runs, key=lambda run: run.about["Date"], reverse=True)
    yield from (f"- {name}: {value}" for name, value in newest_first[0].about.items())
    yield from (f"- Not measured: {title}, because {why}" for title, why in newest_first[0].missing.items())
    for scenario in scenarios:
        results = next((run for run in newest_first if table(run, scenario)), None)
        if results is not None:
            yield from ("", f"### {scenario.title}", "", scenario.method, "")
            yield from markdown_table(table(results, scenario))
            if sentence := room_left(results, scenario):
                yield from ("", sentence)
            if results is not newest_first[0]:
                yield from ("", made_when(results))


def made_when(results: Results) -> str:
    about = results.about
    used = about["In use by others at the start"]
    return f"*This run: {about['Date']}, {about['Size']}; in use by others at the start: {used}.*"


def markdown_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    head, *body = _columns(_columns(rows))
    yield "| " + " | ".join(head) + " |"
    yield "|---" + "|--:" * (len(head) - 1) + "|"
    yield from ("| " + " | ".join(row) + " |" for row in body)


def _columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    longest = max(map(len, rows))
    return [[row[at] if at < len(row) else "" for row in rows] for at in range(longest)]
