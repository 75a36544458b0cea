"""A bound on work that is done at a time: what is beyond it is refused at once, with 429, rather than kept waiting without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Counter, Gauge

from .errors import ApiError

_inside = Gauge("queue_requests", "Requests in work or waiting for it", ["queue"])
_refused = Counter("queue_refused_total", "Requests refused because the queue was full", ["queue"])


class Gate:
    """Lets `running` calls in at a time and keeps `waiting` more in line, first come, first served.

    Args:
        name: of what is bounded, as metrics and errors say it.
        running: calls in work at a time, at least 1.
        waiting: calls in line beside them, at least 0.
    """

    def __init__(self, name: str, running: int, waiting: int) -> None:
        self._name, self._limit = name, running + waiting
        self._running, self._waiting = asyncio.Semaphore(running), waiting
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether the next call would be refused."""
        return self._count >= self._limit

    @asynccontextmanager
    async def enter(self, *, refuse: bool = True) -> AsyncIterator[None]:
        """Hold a place; waits in line for it.

        Args:
            refuse: false for the next part of an answer that has begun: it waits, however long the line is.

        Raises:
            ApiError: 429, the line is full.
        """
        if refuse and self.full:
            _refused.labels(self._name).inc()
            raise ApiError(429, self._name, f"{self._count} requests in work or waiting", f"fewer than {self._limit}", retry_after=1)
        self._count += 1
        _inside.labels(self._name).inc()
        try:
            async with self._running:
                yield
        finally:
            self._count -= 1
            _inside.labels(self._name).dec()
