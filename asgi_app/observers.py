"""Owns who else is told what goes on: Sentry of errors, an OpenTelemetry collector of requests. Both only if set.

Neither package is installed by default (`pip install '.[sentry]'`, `'.[opentelemetry]'`), and neither is told what people
have written: no bodies, no cookies, no local variables, no queries' parameters.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_SECRET_HEADERS = {"authorization", "cookie", "x-csrftoken", "x-telegram-bot-api-secret-token"}

_tracers: list[Any] = []


def observe() -> None:
    """Begins to tell whoever the settings name. Once per process."""
    if settings.SENTRY_DSN:
        _tell_sentry()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT and not _tracers:
        _tracers.append(_collector_s_tracer())


@contextmanager
def span(name: str) -> Iterator[Any]:
    """A traced piece of work; None where nobody is told of it."""
    if not _tracers:
        yield None
        return
    with _tracers[0].start_as_current_span(name) as begun:
        yield begun


def _tell_sentry() -> None:
    sdk = _package("sentry_sdk", setting="SENTRY_DSN", extra="sentry")
    sdk.init(
        dsn=settings.SENTRY_DSN,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=_without_secrets,
    )


def _without_secrets(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    request = event.get("request", {})
    for name in ("data", "cookies", "query_string", "url"):
        request.pop(name, None)
    request["headers"] = {
        name: value
        for name, value in request.get("headers", {}).items()
        if name.lower() not in _SECRET_HEADERS
    }
    return event


def _collector_s_tracer() -> Any:
    name, extra = "OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry"
    trace = _package("opentelemetry.sdk.trace", setting=name, extra=extra)
    export = _package("opentelemetry.sdk.trace.export", setting=name, extra=extra)
    otlp = _package("opentelemetry.exporter.otlp.proto.http.trace_exporter", setting=name, extra=extra)
    resources = _package("opentelemetry.sdk.resources", setting=name, extra=extra)
    provider = trace.TracerProvider(resource=resources.Resource.create({"service.name": "parley"}))
    exporter = otlp.OTLPSpanExporter(endpoint=f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces")
    provider.add_span_processor(export.BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return provider.get_tracer("parley")


def _package(name: str, *, setting: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImproperlyConfigured(
            f"{setting} is set, but {name} is not installed: pip install '.[{extra}]', or unset it."
        ) from None
