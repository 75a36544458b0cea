"""What goes wrong between this service and what it uses, said in one way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from voicehelper_common import ApiError

from .formats import DocumentError

_log = logging.getLogger(__name__)
failures = Counter("dependency_failures_total", "Calls of other systems that failed", ["system"])


class Unavailable(Exception):
    """A system that is needed does not answer, or not now. Trying again later may help."""

    def __init__(self, system: str, reason: object, retry_after: float = 1) -> None:
        super().__init__(f"{system}: {reason}")
        self.system, self.retry_after = system, retry_after

    def as_error(self) -> ApiError:
        """The same for a client: 503."""
        return ApiError(503, self.system, "no answer", f"{self.system} within its time", retry_after=max(1, round(self.retry_after)))


def refused(error: DocumentError) -> ApiError:
    """A document that cannot be taken, said to a client."""
    return ApiError(error.status, error.field, error.found, error.wanted)


@contextmanager
def calling(system: str, *errors: type[BaseException]) -> Iterator[None]:
    """Turn `errors` of a block that speaks with `system`, and a time that is over, into `Unavailable`; count and log them."""
    try:
        yield
    except (*errors, TimeoutError, OSError) as error:
        failures.labels(system).inc()
        _log.warning("%s failed: %s", system, error or type(error).__name__, extra={"system": system})
        raise Unavailable(system, error or type(error).__name__) from error
