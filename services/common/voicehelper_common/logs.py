"""Logs are JSON lines on standard output, with the trace they belong to and without personal data."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from opentelemetry import trace

from .masking import mask, mask_value

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, logger, message, service, trace_id, span_id, and what `extra` of the call holds."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": mask(record.getMessage()),
            "service": self._service,
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line |= {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
        line |= {name: mask_value(name, value) for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logs(service: str, level: str) -> None:
    """Send every logger's records, the server's and the libraries' too, to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    for name in ("httpx", "httpcore", "urllib3", "asyncio"):  # a line a request each; ours says it already
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))
