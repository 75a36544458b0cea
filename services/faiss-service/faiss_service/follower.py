"""A reader: follows the writer's log over HTTP, and says whether it is near enough to answer."""

from __future__ import annotations

import asyncio
import logging
import time

import httpx
from prometheus_client import Gauge

from voicehelper_common import http_client

from .files import Damaged
from .settings import FaissSettings
from .store import Store

_log = logging.getLogger(__name__)
_WAIT = 2  # seconds that the writer waits for news before it says that there are none
SEQUENCE, LINEAGE = "X-Sequence", "X-Lineage"

behind = Gauge("faiss_replica_lag", "Changes of the writer that this reader knows of and has not applied")
silent = Gauge("faiss_replica_silence_seconds", "Since this reader last had all that the writer had")


class Follower:
    """Keeps a reader's store as the writer's is."""

    def __init__(self, settings: FaissSettings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._level: float | None = None  # when all was here that the writer had
        self._heard = False
        self.client = http_client(base_url=settings.writer_url, timeout=httpx.Timeout(10 + _WAIT, connect=2))
        self._task = asyncio.create_task(self._run())
        silent.set_function(lambda: -1 if self._level is None else time.monotonic() - self._level)

    def obstacle(self) -> str:
        """Why this reader's answers may be too old; empty if they are not."""
        if self._level is None:
            return "the reader has not caught up with the writer yet"
        age = time.monotonic() - self._level
        if self._heard and age > self._settings.max_lag_seconds:
            return f"the reader is {age:.0f} s behind the writer"
        if age > self._settings.max_stale_seconds:
            return f"the reader has not heard of the writer for {age:.0f} s"
        return ""

    async def close(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.client.aclose()

    async def _run(self) -> None:
        while True:
            try:
                await self._step()
                self._heard = True
            except (httpx.HTTPError, ValueError, Damaged, OSError) as error:
                if self._heard or self._level is None:
                    _log.warning("The writer cannot be followed: %s", error or type(error).__name__)
                self._heard = False
                await asyncio.sleep(0.5)

    async def _step(self) -> None:
        asked = {"lineage": self._store.lineage, "after": self._store.sequence, "wait": _WAIT}
        answer = await self.client.get("/replica/log", params=asked)
        if answer.status_code == 410:
            await self._take_over()
            return
        answer.raise_for_status()
        if answer.content:
            await self._store.follow(answer.content)
        lag = max(0, int(answer.headers[SEQUENCE]) - self._store.sequence)
        behind.set(lag)
        if not lag:
            self._level = time.monotonic()

    async def _take_over(self) -> None:
        archive = self._settings.data_path / "snapshot-of-the-writer.in"
        async with self.client.stream("GET", "/replica/snapshot") as answer:
            answer.raise_for_status()
            with archive.open("wb") as file:
                async for part in answer.aiter_bytes():
                    file.write(part)
        manifest = await self._store.replace(archive, restore=False)
        archive.unlink(missing_ok=True)
        _log.info("The writer's snapshot is taken over", extra={"vectors": manifest.total_vectors, "sequence": manifest.sequence})
