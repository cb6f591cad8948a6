"""The page of results, docs/benchmarks.md, and its plot: what is between the marks is ours, the words around are people's."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import asgi, pip
from benchmarks.peer import ROOT, Missing
from benchmarks.plot import PANELS
from benchmarks.report import Results, as_markdown, markdown_table, median_of
from benchmarks.scenario import Scenario
from benchmarks.scenarios import SCENARIOS

PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks"
"""with .png and .svg"""


def write(runs: Sequence[Results], cache: Path) -> None:
    """What these runs have measured; of two that have measured the same, the newer one."""
    others = [run for run in runs if not asgi.is_of(run)]
    if others:
        _put("results", as_markdown(others, SCENARIOS))
        draw(others, cache)
    for run in runs:
        if asgi.is_of(run):
            table = "\n".join(markdown_table(asgi.table(run)))
            about = "\n".join(f"- {name}: {value}" for name, value in run.about.items())
            _put("asgi", f"{about}\n\n{table}\n")


def _put(name: str, text: str) -> None:
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def draw(runs: Sequence[Results], cache: Path) -> None:
    """The plot, by a Python that has matplotlib: it is not among the packages of the checkout."""
    try:
        env = {**os.environ, **pip.environment(cache, "plot")}
    except Missing as missing:
        print(f"No plot was drawn, because {missing}")
        return
    with tempfile.TemporaryDirectory(prefix="parley-bench-plot-") as directory:
        numbers = Path(directory) / "numbers.json"
        numbers.write_text(json.dumps(_numbers(runs)))
        subprocess.run(
            [sys.executable, "-m", "benchmarks.plot", numbers, PLOT], env=env, cwd=ROOT, check=True
        )


def _numbers(runs: Sequence[Results]) -> list[list[tuple[str, float | None]]]:
    """For each panel, the servers' titles and values (None: it could not), from the newest run that has it."""
    newest_first = sorted(runs, key=lambda run: run.about["Date"], reverse=True)
    scenarios = {each.key: each for each in SCENARIOS}
    return [
        next(filter(None, (_shown(run, scenarios[panel[0]]) for run in newest_first)), []) for panel in PANELS
    ]


def _shown(run: Results, scenario: Scenario) -> list[tuple[str, float | None]]:
    done = {
        title: [each.facts for each in run.of(scenario, peer) if not each.failure]
        for peer, title in run.peers.items()
    }
    return [(title, median_of(facts, "value")) for title, facts in done.items() if facts]
