"""`python -m benchmarks.plot NUMBERS FILE`: the plot of the page and the README, as FILE.png and FILE.svg.

Needs matplotlib, so `benchmarks/page.py` starts it where that is. A dot for each server, on a scale of powers of ten.
"""

import json
import sys
from pathlib import Path
from typing import Any

PANELS = (
    ("one-at-a-time", "Deliveries/s, one event at a time", 1.0, "log"),
    ("in-flight", "Deliveries/s, 32 events in flight", 1.0, "log"),
    ("paced", "p99 ms at 25 000 deliveries/s", 0.001, "linear"),
)
"""scenario, title, what to multiply its value with, and the scale"""
OURS, THEIRS, LIMIT = "#b3261e", "#3b5b7a", "#8a8a8a"


def main() -> None:
    import matplotlib as mpl  # type: ignore[import-not-found]  # noqa: PLC0415 - not among the checkout's packages

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "parley"  # the same numbers make the same file
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    panels = json.loads(Path(sys.argv[1]).read_text())
    names = list(dict.fromkeys(name for shown in panels for name, _ in shown))
    places = {name: len(names) - at for at, name in enumerate(names)}
    figure, axes = plt.subplots(
        1, len(PANELS), sharey=True, figsize=(12, 1 + 0.3 * len(names)), layout="constrained"
    )
    for axis, shown, (_, title, factor, scale) in zip(axes, panels, PANELS, strict=True):
        axis.set_xscale(scale)
        known = [(name, value * factor) for name, value in shown if value is not None]
        if known:
            values = [value for _, value in known]
            axis.set_xlim(
                min(values) / 2 if scale == "log" else 0, max(values) * (6 if scale == "log" else 1.25)
            )
        for name, value in known:
            axis.scatter([value], [places[name]], color=_colour(name), s=36, zorder=3)
            _write(axis, _shown(value), value, places[name], _colour(name))
        for name, value in shown:
            if value is None:
                _write(axis, "cannot", axis.get_xlim()[0], places[name], _colour(name))
        axis.set_yticks(list(places.values()), list(places), fontsize=8)
        axis.set_ylim(0.4, len(names) + 0.6)
        axis.tick_params(axis="x", labelsize=8)
        axis.tick_params(axis="y", length=0)
        axis.set_title(title, fontsize=10, loc="left")
        axis.grid(color="#e4e4e4", zorder=0)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
    for ending in ("png", "svg"):
        figure.savefig(
            f"{sys.argv[2]}.{ending}", dpi=110, metadata={"Date": None} if ending == "svg" else None
        )


def _write(axis: Any, text: str, value: float, place: int, colour: str) -> None:
    axis.annotate(text, (value, place), (7, -3), textcoords="offset points", fontsize=8, color=colour)


def _colour(name: str) -> str:
    if name.startswith("Parley"):
        return OURS
    return LIMIT if name.startswith("bare C") else THEIRS


def _shown(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.1f}"


if __name__ == "__main__":
    main()
