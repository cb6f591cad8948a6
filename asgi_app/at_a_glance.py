"""Owns the operators' page in the admin: what `/metrics` tells, at a glance, of the process that answers."""

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from prometheus_client.parser import text_string_to_metric_families

from asgi_app.metrics import exposition
from messaging.bell import bell

WITHIN_S = 8.0
# Everything of ours but how requests' times are spread.
SHOWN, NOT_SHOWN = "parley_", ("_bucket", "_created", "_sum", "_count")


class Row(NamedTuple):
    """One number, and whether somebody should look into it."""

    what: str
    labels: str
    value: str
    told: str
    is_bad: bool


def at_a_glance(request: HttpRequest) -> HttpResponse:
    """For operators."""
    if not request.user.has_perm("messaging.operate"):
        raise PermissionDenied
    # The numbers are the event loop's.
    text = asyncio.run_coroutine_threadsafe(exposition(), bell.loop).result(WITHIN_S).decode()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "At a glance",
        "rows": sorted(_rows(text), key=lambda row: not row.is_bad),
    }
    return TemplateResponse(request, "admin/at_a_glance.html", context)


def _rows(text: str) -> Iterator[Row]:
    for family in text_string_to_metric_families(text):
        if family.name == "parley_lag_seconds":
            yield _lag(family)
        for sample in family.samples:
            if sample.name.startswith(SHOWN) and not sample.name.endswith(NOT_SHOWN):
                labels = ", ".join(sample.labels.values())
                yield Row(
                    family.name.removeprefix(SHOWN).replace("_", " "),
                    labels,
                    f"{sample.value:,.0f}",
                    family.documentation,
                    _is_bad(family.name, sample.value),
                )


def _is_bad(name: str, value: float) -> bool:
    match name:
        case "parley_service_up":
            return value == 0
        case "parley_chore_overdue_seconds":
            return value > 1800
        case "parley_waiting_oldest_seconds":
            return value > 600
        case "parley_thread_queue":
            return value > 50
    return False


def _lag(family: Any) -> Row:
    """The bound under which 99 of 100 events were."""
    buckets = [(sample.labels["le"], sample.value) for sample in family.samples if "le" in sample.labels]
    count = buckets[-1][1]
    bound = next(le for le, at_most in buckets if at_most >= 0.99 * count)
    value = (
        "nothing yet" if not count else "more than 30 s" if bound == "+Inf" else f"under {float(bound):g} s"
    )
    return Row("lag, 99 of 100", "", value, family.documentation, bool(count) and float(bound) > 1)
