"""What a scenario is: something measured of every server that can do it. A new one is one file in `scenarios/` and one line
in its registry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.generator import Report
from benchmarks.peer import Bench, Running

Facts = dict[str, Any]
"""What came of one measurement: `value` is what servers are compared by, None if the server could not; the rest is shown
beside it, or kept in the JSON."""


@dataclass(frozen=True)
class Column:
    """A fact that is shown: the median over the repetitions, or, for words, the worst of them."""

    title: str
    fact: str
    format: Callable[[Any], str]


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    method: str
    """One paragraph for the reader of the table."""
    value: Column
    better: Literal["higher", "lower"]
    suits: Callable[[Running], bool]
    measure: Callable[[Bench, Running], Facts]
    columns: tuple[Column, ...] = field(default=())
    is_native: bool = False
    """whether only the load generator in C can do it"""


def arrival(report: Report) -> Facts:
    """Whether everything came, and came in order: in every row of every scenario with events in it."""
    expected, received = report["expected"], report["received"]
    out_of_order = report["repeats"]
    verdict = "in order" if not out_of_order else f"{out_of_order} out of order or twice"
    if report["lost"]:
        verdict += f", {report['lost']} connections lost"
    return {"delivered": received / expected if expected else 0.0, "order": verdict}


def busy(report: Report) -> Facts:
    """How much of a core was used by the server, by the generator, and by programs that have nothing to do with us."""
    return {
        "server_cores": report["server_cores"],
        "generator_cores": report["cpu_s"] / report["wall_s"],
        "other_cores": report["other_cores"],
    }


def thousands(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def percent(value: float) -> str:
    return f"{value:.0%}"


def delivered(value: float) -> str:
    """100 % is all: no rounding leads to it."""
    return "100%" if value == 1 else f"{min(value, 0.9999):.2%}"


def milliseconds(value_us: float) -> str:
    return f"{value_us / 1000:.2f}"


def microseconds(value: float) -> str:
    return f"{value:.2f}"


def megabytes(value: float) -> str:
    return f"{value:.1f}"


def times(value: float) -> str:
    return f"{value:.2f} x"


def words(value: object) -> str:
    return str(value)


ARRIVAL = (Column("delivered", "delivered", delivered), Column("order", "order", words))
BUSY = (
    Column("server's core", "server_cores", percent),
    Column("generator's core", "generator_cores", percent),
    Column("strangers", "other_cores", percent),
)
