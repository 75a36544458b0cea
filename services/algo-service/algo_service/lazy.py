"""A connection that is made when it is first needed, so that a service starts while what it uses is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """One connection for all who ask. Its own errors pass through, and the next one who asks tries anew."""

    def __init__(self, connect: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._connect, self._close = connect, close
        self._lock = asyncio.Lock()
        self._made: T | None = None

    async def get(self) -> T:
        """The connection."""
        async with self._lock:
            if self._made is None:
                self._made = await self._connect()
            return self._made

    async def close(self) -> None:
        """End the connection, where there is one."""
        async with self._lock:
            made, self._made = self._made, None
            if made is not None:
                await self._close(made)
