"""Medians, ratios and verdicts as a reader sees them."""

from pathlib import Path
from typing import Any

from benchmarks import asgi
from benchmarks.report import Measurement, Results, as_markdown, room_left, table
from benchmarks.scenario import ARRIVAL, BUSY, Column, Scenario, arrival, thousands


def _scenario(better: Any = "higher") -> Scenario:
    return Scenario(
        key="speed",
        title="Speed",
        method="How it is measured.",
        value=Column("deliveries/s", "value", thousands),
        better=better,
        suits=lambda running: True,
        measure=lambda bench, running: {},
        columns=ARRIVAL + BUSY,
    )


def _facts(value: float | None, **more: Any) -> dict[str, Any]:
    facts = {"delivered": 1.0, "order": "in order", "server_cores": 1.0, "generator_cores": 0.5}
    return {**facts, "other_cores": 0.0, "value": value, **more}


def _results(**measured: list[dict[str, Any]]) -> Results:
    results = Results(about={"Date": "today"}, peers={peer: peer.capitalize() for peer in measured})
    for peer, runs in measured.items():
        results.measurements += [
            Measurement("speed", peer, number, facts) for number, facts in enumerate(runs, 1)
        ]
    return results


def test_rows_show_medians_and_how_many_times_better_ours_are() -> None:
    results = _results(ours=[_facts(90), _facts(1000), _facts(100)], theirs=[_facts(40)])
    _, ours, theirs = table(results, _scenario())
    assert ours[:3] == ["Ours", "100", ""]
    assert ours[-1] == "3: 90 to 1 000"
    assert theirs[:3] == ["Theirs", "40", "2.50 x"]


def test_where_less_is_better_the_ratio_turns_round() -> None:
    results = _results(ours=[_facts(10)], theirs=[_facts(40)])
    assert table(results, _scenario("lower"))[2][2] == "4.00 x"


def test_one_loss_in_any_run_shows() -> None:
    results = _results(ours=[_facts(10), _facts(10, delivered=0.999999), _facts(10)])
    assert table(results, _scenario())[1][3] == "99.99%"


def test_one_disorder_in_any_run_shows() -> None:
    results = _results(ours=[_facts(10), _facts(10, order="3 out of order or twice")])
    assert table(results, _scenario())[1][4] == "3 out of order or twice"


def test_a_server_that_could_not_has_no_ratio() -> None:
    results = _results(ours=[_facts(10)], theirs=[_facts(None)])
    assert table(results, _scenario())[2][:3] == ["Theirs", "cannot", ""]


def test_a_failure_is_told_in_its_row() -> None:
    results = _results(ours=[])
    results.measurements.append(Measurement("speed", "ours", 1, failure="it fell over\nand more"))
    assert table(results, _scenario())[1] == ["Ours", "failed: it fell over"]


def test_what_the_generator_may_have_limited_is_marked() -> None:
    results = _results(ours=[_facts(10, generator_cores=0.97, server_cores=0.6)])
    assert table(results, _scenario())[1][1] == "≥ 10"


def test_arrival_counts_what_was_expected_not_what_was_seen() -> None:
    report = {"expected": 1000, "received": 999, "repeats": 2, "lost": 1}
    assert arrival(report) == {"delivered": 0.999, "order": "2 out of order or twice, 1 connections lost"}


def test_the_page_has_a_table_and_its_method() -> None:
    page = as_markdown([_results(ours=[_facts(10)], theirs=[_facts(5)])], [_scenario()])
    assert "### Speed\n\nHow it is measured.\n\n| server | deliveries/s | Ours is |" in page
    assert "| Theirs | 5 | 2.00 x |" in page


def test_the_limit_of_the_machine_tells_what_room_was_left() -> None:
    results = _results(ours=[_facts(150)], theirs=[_facts(10)], loop=[_facts(200)])
    results.limits = ["loop"]
    sentence = (
        "The load generator took 200 deliveries/s from the bare C loop in this run; Ours had 75% of that."
    )
    assert room_left(results, _scenario()) == sentence
    assert room_left(_results(ours=[_facts(150)]), _scenario()) == ""


def test_each_table_is_of_the_newest_run_that_has_it(tmp_path: Path) -> None:
    older, newer = _results(ours=[_facts(10)]), _results(ours=[])
    about = {"Size": "quick", "In use by others at the start": "0.00 cores"}
    older.about, newer.about = {"Date": "2026-01-01", **about}, {"Date": "2026-01-02", **about}
    older.write(tmp_path / "older.json")
    page = as_markdown([Results.read(tmp_path / "older.json"), newer], [_scenario()])
    assert page.startswith("- Date: 2026-01-02\n")
    assert "| Ours | 10 |" in page
    assert "*This run: 2026-01-01, quick; in use by others at the start: 0.00 cores.*" in page
    newer.measurements = _results(ours=[_facts(20)]).measurements
    page = as_markdown([older, newer], [_scenario()])
    assert "| Ours | 20 |" in page
    assert "This run" not in page


def test_native_asgi_has_one_row_for_each_server() -> None:
    peers = {"parley": "Parley", "asgi-uvicorn": "native ASGI on uvicorn"}
    results = Results(about={}, peers=peers)
    for peer, factor in (("parley", 1), ("asgi-uvicorn", 2)):
        for key, more in (("echo", {"p99": 3000.0}), ("in-flight", {}), ("accepting", {})):
            results.measurements.append(Measurement(key, peer, 1, _facts(1000 * factor, **more)))
    results.measurements.append(Measurement("one-at-a-time", "asgi-uvicorn", 1, failure="it fell over"))
    titles, ours, theirs = asgi.table(results)
    assert titles[:4] == ["server", "accepts/s", "echoes/s", "p99 ms"]
    assert ours[:5] == ["Parley", "1 000", "1 000", "3.00", ""]
    assert theirs[:5] == ["native ASGI on uvicorn", "2 000", "2 000", "3.00", "failed"]
    assert asgi.is_of(results)
    assert not asgi.is_of(_results(ours=[]))
