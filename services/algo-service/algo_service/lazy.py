"""A connection that is made when it is first needed, so that a service starts while what it uses is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
CLOSE_SECONDS = 5
_log = logging.getLogger(__name__)


class Lazy(Generic[T]):
    """One connection for all who ask. Its own errors pass through, and the next one who asks tries anew."""

    def __init__(self, connect: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._connect, self._close = connect, close
        self._lock = asyncio.Lock()
        self._made: T | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def get(self) -> T:
        """The connection."""
        async with self._lock:
            if self._made is None:
                self._made = await self._connect()
            return self._made

    def drop(self) -> None:
        """Let go of a connection that may be of no use any more; the next one who asks gets another."""
        made, self._made = self._made, None
        if made is not None:
            task = asyncio.ensure_future(asyncio.wait_for(self._close(made), CLOSE_SECONDS))
            self._closing.add(task)
            task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.info("A connection did not end well: %r", error)

    async def close(self) -> None:
        """End the connection, where there is one."""
        async with self._lock:
            made, self._made = self._made, None
            if made is not None:
                await self._close(made)
