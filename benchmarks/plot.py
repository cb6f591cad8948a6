"""`python -m benchmarks.plot NUMBERS FILE`: the plot of the page and the README, as FILE.png and FILE.svg.

Needs matplotlib, so `benchmarks/page.py` starts it where that is. A dot for each server, on a scale of powers of ten.
"""

import json
import sys
from pathlib import Path

PANELS = (
    ("one-at-a-time", "Deliveries/s, one event at a time", 1.0),
    ("in-flight", "Deliveries/s, 32 events in flight", 1.0),
    ("paced", "p99 ms at 25 000 deliveries/s", 0.001),
)
"""scenario, title, and what to multiply its value with"""
OURS, THEIRS, LIMIT = "#b3261e", "#3b5b7a", "#8a8a8a"


def main() -> None:
    import matplotlib as mpl  # type: ignore[import-not-found]  # noqa: PLC0415 - not among the checkout's packages

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "parley"  # the same numbers make the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    panels = json.loads(Path(sys.argv[1]).read_text())
    rows = max((len(shown) for shown in panels), default=1)
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 1.1 + 0.34 * rows), layout="constrained")
    for axis, shown, (_, title, factor) in zip(axes, panels, PANELS, strict=True):
        names = [name for name, _ in shown]
        values = [value * factor for _, value in shown]
        places = range(len(shown), 0, -1)
        colours = [_colour(name) for name in names]
        axis.scatter(values, places, c=colours, s=38, zorder=3)
        for value, place, colour in zip(values, places, colours, strict=True):
            axis.annotate(
                _shown(value), (value, place), (6, -3), textcoords="offset points", fontsize=8, color=colour
            )
        axis.set_xscale("log")
        if values:
            axis.set_xlim(min(values) / 1.6, max(values) * 4)
        axis.set_yticks(list(places), names, fontsize=8)
        axis.set_ylim(0.4, rows + 0.6)
        axis.tick_params(axis="x", labelsize=8)
        axis.set_title(title, fontsize=10, loc="left")
        axis.grid(axis="x", color="#dddddd", zorder=0)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        axis.tick_params(axis="y", length=0)
    for ending in ("png", "svg"):
        figure.savefig(
            f"{sys.argv[2]}.{ending}", dpi=150, metadata={"Date": None} if ending == "svg" else None
        )


def _colour(name: str) -> str:
    if name.startswith("Parley"):
        return OURS
    return LIMIT if name.startswith("bare C") else THEIRS


def _shown(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.1f}"


if __name__ == "__main__":
    main()
