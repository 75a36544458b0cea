"""Prometheus metrics that every service has. A route is its template (`/documents/{id}`), never a path: paths are without number."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds

requests = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
latency = Histogram(
    "http_request_duration_seconds", "Time until a request was answered wholly", ["method", "route"], buckets=LATENCY_BUCKETS
)
in_flight = Gauge("http_requests_in_flight", "Requests being answered")


def exposition() -> Response:
    """The process's metrics in Prometheus's text format."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
