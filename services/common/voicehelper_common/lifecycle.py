"""Whether a service can serve, and how it stops: what must hold is asked at each `/ready`, and a drain makes it not ready first."""

from __future__ import annotations

import time
from collections.abc import Callable

Check = Callable[[], str]


class Lifecycle:
    """Readiness and drain of one service.

    A check returns why the service cannot serve, or an empty text; it is cheap and does not block.
    """

    def __init__(self, drain_seconds: float = 0) -> None:
        self._checks: dict[str, Check] = {}
        self._drain_seconds = drain_seconds
        self._stop_at: float | None = None
        self.failure = ""

    def require(self, name: str, check: Check) -> None:
        """Be ready only while `check` returns an empty text."""
        self._checks[name] = check

    def obstacles(self) -> dict[str, str]:
        """What keeps the service from serving, by name; empty when it is ready."""
        found = {name: reason for name, check in self._checks.items() if (reason := check())}
        if self.draining:
            found["drain"] = "the service is about to stop"
        return found

    @property
    def draining(self) -> bool:
        """Whether the service was told to stop: long streams should end soon."""
        return self._stop_at is not None

    def drain(self) -> None:
        """Begin to stop: not ready from now on. A second call ends the wait."""
        self._stop_at = time.monotonic() + (0 if self.draining else self._drain_seconds)

    def fail(self, reason: str) -> None:
        """Stop at once, as something without which the service is nothing cannot be had; the process ends with `reason` and 1."""
        self.failure, self._stop_at = reason, time.monotonic()

    @property
    def drained(self) -> bool:
        """Whether callers have had their time to go elsewhere."""
        return self._stop_at is not None and time.monotonic() >= self._stop_at
