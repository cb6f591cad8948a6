"""Owns what Prometheus is told: `/metrics`, for whoever shows METRICS_TOKEN; without that setting there is no such page.

Each web process tells of itself, so each is asked by itself, not through the proxy in front. What something holds anyway
is read when asked; what nothing else remembers is counted in `messaging/counters.py`, or beside what it counts. Rows are
the same whichever process is asked: take their maximum, not their sum. A part of the house that owns rows adds a
function to `ROWS`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils.crypto import constant_time_compare
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from asgi_app.health import OK, UNUSED, readiness
from consumers.lag import BOUNDS_S
from consumers.process import LiveProcess, live_process
from consumers.stream import Counters
from messaging.database import DatabaseThreads, pools
from messaging.queries import chores
from messaging.queries.waiting import backlogs as read_backlogs

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
ROWS_WITHIN_S = 5.0

Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("parley.metrics")

_threads = DatabaseThreads("metrics", 1)


def overdue_chores() -> Iterator[Metric]:
    overdue = GaugeMetricFamily(
        "parley_chore_overdue_seconds",
        "How long ago a worker should have done a chore; 0: it is not due.",
        labels=["chore"],
    )
    for name, overdue_s in chores.overdue_s().items():
        overdue.add_metric([name], overdue_s)
    yield overdue


def backlogs() -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "parley_waiting", "What workers have still to do: inbound, delivery, broadcast.", labels=["what"]
    )
    oldest = GaugeMetricFamily(
        "parley_waiting_oldest_seconds", "How long the oldest of it has been waiting.", labels=["what"]
    )
    for what, backlog in read_backlogs().items():
        waiting.add_metric([what], backlog.count)
        oldest.add_metric([what], backlog.oldest_s)
    yield from (waiting, oldest)


ROWS: list[Callable[[], Iterable[Metric]]] = [overdue_chores, backlogs]
"""Each is called on a database thread at every scrape, so it asks for what an index answers."""


class _Families:
    """Metrics that were read already, as a registry wants them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def behind_token(page: Application, *, telling: Callable[[], Awaitable[bytes]] | None = None) -> Application:
    """`/metrics`, or what `page` makes of that path where there is no METRICS_TOKEN. `telling`: a web process's figures
    unless others are given.
    """

    async def metrics(scope: Any, receive: Any, send: Any) -> None:
        if not settings.METRICS_TOKEN:
            await page(scope, receive, send)
        elif not constant_time_compare(_shown_token(scope), settings.METRICS_TOKEN):
            await _answer(send, 401, b"Show METRICS_TOKEN: Authorization: Bearer ...\n")
        else:
            await _answer(send, 200, await (telling or exposition)())

    return metrics


async def exposition() -> bytes:
    """Everything that a web process tells, in Prometheus's text format."""
    return _text([*_of_sockets(live_process()), *await _of_all()])


async def exposition_of_worker() -> bytes:
    """The same of a process that works in the background and has no sockets."""
    return _text(await _of_all())


async def _of_all() -> list[Metric]:
    return [*_of_threads(), *_of_services(await readiness.checks()), *await _of_rows()]


def _text(families: list[Metric]) -> bytes:
    read = CollectorRegistry()
    read.register(_Families(families))
    return generate_latest(REGISTRY) + generate_latest(read)


def _of_sockets(process: LiveProcess) -> Iterator[Metric]:
    sockets = GaugeMetricFamily(
        "parley_sockets", "Open WebSockets: live (the SDKs') and plain (/socket).", labels=["kind"]
    )
    for kind in ("live", "plain"):
        sockets.add_metric([kind], process.admission.sockets[kind])
    yield sockets
    yield GaugeMetricFamily(
        "parley_streams", "Streams that somebody here follows.", value=len(process.hub.streams)
    )
    yield from _of_counters(process.hub.counters)
    yield GaugeMetricFamily(
        "parley_draining", "1 while the process shuts down.", value=int(readiness.draining)
    )


def _of_threads() -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "parley_thread_queue", "Jobs that no database thread has taken yet, by pool.", labels=["pool"]
    )
    for name, jobs in _waiting_jobs().items():
        waiting.add_metric([name], jobs)
    yield waiting


def _waiting_jobs() -> dict[str, int]:
    waiting: dict[str, int] = {}
    for pool in pools:
        waiting[pool.name] = waiting.get(pool.name, 0) + pool.waiting
    return waiting


def _of_counters(counters: Counters) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "parley_subscriptions",
        "Streams followed, summed over the live sockets.",
        value=counters.subscriptions,
    )
    for name, told, value in (
        ("events", "Events of chats' logs that came to this process, each once.", counters.events),
        ("deliveries", "Frames handed to sockets by fan-out.", counters.deliveries),
        ("comparisons", "Comparisons of this process with the database.", counters.comparisons),
        ("layer_renewals", "Channel layers replaced because they were silent.", counters.renewals),
        ("slow_closes", "Sockets told to come back because they did not keep up.", counters.slow_closes),
    ):
        yield CounterMetricFamily(f"parley_{name}", told, value=value)
    repairs = CounterMetricFamily(
        "parley_repairs",
        "Reads of a log for what the channel layer had lost, by how that came out.",
        labels=["cause"],
    )
    for cause in ("gap", "comparison", "reader"):
        repairs.add_metric([cause], counters.repairs_by_cause[cause])
    yield repairs
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    yield HistogramMetricFamily(
        "parley_lag_seconds",
        "From the commit of events to their last write to a socket here.",
        buckets=list(zip(bounds, counters.lag.at_most, strict=True)),
        sum_value=counters.lag.sum_s,
    )


def _of_services(checks: dict[str, str]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "parley_service_up", "1 if this process reaches the service, by service.", labels=["service"]
    )
    for service, outcome in checks.items():
        if outcome != UNUSED:
            up.add_metric([service], int(outcome == OK))
    yield up


async def _of_rows() -> list[Metric]:
    try:
        async with asyncio.timeout(ROWS_WITHIN_S):
            return await _threads.run(_read_rows)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        logger.warning("What the rows tell could not be read: %s", type(error).__name__)
        return []


def _read_rows() -> list[Metric]:
    # Between two scrapes nobody needs the connection, and there are better uses for it.
    try:
        return [metric for read in ROWS for metric in read()]
    finally:
        connection.close()


def _shown_token(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else ""
    return ""


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", CONTENT_TYPE),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
