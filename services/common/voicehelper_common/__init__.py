"""What the services of VoiceHelper have alike: settings, logs, metrics, traces, errors, health and drain."""

from .app import create_app, openapi
from .errors import ApiError, Line, Text, count, refusal, valid_unicode
from .lifecycle import Lifecycle
from .server import serve
from .settings import Settings, read_settings
from .tracing import http_client, span, trace_headers

__all__ = [
    "ApiError",
    "Lifecycle",
    "Line",
    "Settings",
    "Text",
    "count",
    "create_app",
    "http_client",
    "openapi",
    "read_settings",
    "refusal",
    "serve",
    "span",
    "trace_headers",
    "valid_unicode",
]
