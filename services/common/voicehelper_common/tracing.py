"""Traces: W3C context is always taken over and passed on; spans leave the process only where a collector is configured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind

from .settings import Settings

_tracer = trace.get_tracer("voicehelper")


def set_up_tracing(service: str, settings: Settings) -> None:
    """Make this process's tracer provider. Without a collector, spans give logs their ids and are dropped."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=True)
    if settings.enable_tracing and settings.otel_exporter_otlp_endpoint:
        # Loaded only where spans leave: the exporter is an extra, and takes a while.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        url = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    trace.set_tracer_provider(provider)


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, carrier: dict[str, str] | None = None, **attributes: Any) -> Iterator[Span]:
    """A span around a block; its parent is the current one, or what `carrier` (headers of a request or message) says."""
    parent = propagate.extract(carrier) if carrier is not None else None
    with _tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes) as current:
        yield current


def trace_headers() -> dict[str, str]:
    """Headers that hand the current trace to another service, for a request or a message."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


async def _pass_on(request: httpx.Request) -> None:
    request.headers.update(trace_headers())


def http_client(**options: Any) -> httpx.AsyncClient:
    """An httpx client that passes the trace on. Options are httpx's; close it when the service ends."""
    hooks = dict(options.pop("event_hooks", {}))
    hooks["request"] = [*hooks.get("request", []), _pass_on]
    return httpx.AsyncClient(event_hooks=hooks, **options)
