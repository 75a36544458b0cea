"""Members together: a reader follows the writer's log over HTTP, and a writer that lost its disk takes the index back from a reader."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable

import httpx
from prometheus_client import Gauge

from voicehelper_common import http_client

from .settings import FaissSettings
from .store import Store

_log = logging.getLogger(__name__)
MOST_MEMBERS = 10
_WAIT = 2  # seconds that the writer waits for news before it says that there are none
NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}  # not: a name server that does not answer
SEQUENCE, LINEAGE, ANCESTORS = "X-Sequence", "X-Lineage", "X-Ancestors"

behind = Gauge("faiss_replica_lag", "Changes of the writer that this reader knows of and has not applied")
silent = Gauge("faiss_replica_silence_seconds", "Since this reader last had all that the writer had")


class Follower:
    """Keeps a reader's store as the writer's is."""

    def __init__(self, settings: FaissSettings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._level: float | None = None  # when all was here that the writer had
        self._heard = False
        self._refused, self._said = "", ""
        self.client = http_client(base_url=settings.member_url.format(0), timeout=httpx.Timeout(10 + _WAIT, connect=2))
        self._task = asyncio.create_task(self._run())
        silent.set_function(lambda: -1 if self._level is None else time.monotonic() - self._level)

    def obstacle(self) -> str:
        """Why this reader's answers may be too old; empty if they are not."""
        if self._refused:
            return self._refused
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
                self._heard, self._refused, self._said = True, "", ""
            except Exception as error:  # whatever it is: a reader that no longer tries would stay behind for good
                if self._said != (said := str(error) or type(error).__name__):  # once, not at every try
                    _log.warning("The writer cannot be followed: %s", said)
                self._heard, self._said = False, said
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
        try:
            await take_over(self._settings, self._store, self.client)
        except Loss as error:
            self._refused = f"the writer has lost what this reader holds: {error}"
            raise


class Loss(ValueError):
    """Another member's index does not come from this one's: to take it over would lose what is held."""


async def take_over(settings: FaissSettings, store: Store, member: httpx.AsyncClient) -> None:
    """Take the index of another member for this one's.

    Raises:
        Loss: it does not go on from what this member holds.
        httpx.HTTPError, Damaged, OSError: it cannot be had.
    """
    archive = settings.data_path / "snapshot-of-another.in"
    async with member.stream("GET", "/replica/snapshot", params={"fresh": settings.writes}) as answer:
        answer.raise_for_status()
        theirs, number = answer.headers[LINEAGE], int(answer.headers[SEQUENCE])
        goes_on = number >= store.sequence if theirs == store.lineage else store.lineage in answer.headers[ANCESTORS].split(",")
        if store.sequence and not goes_on:
            raise Loss(f"found change {number} of {theirs}, wanted one that goes on from change {store.sequence} of {store.lineage}")
        try:
            with archive.open("wb") as file:
                async for part in answer.aiter_bytes():
                    file.write(part)
            manifest = await store.replace(archive, restore=False)
        finally:
            archive.unlink(missing_ok=True)
    _log.info("Another member's snapshot is taken over", extra={"vectors": manifest.total_vectors, "sequence": manifest.sequence})


async def take_back(settings: FaissSettings, store: Store, stopped: Callable[[], bool]) -> None:
    """At a writer that never held anything: where readers do, its disk was lost; take the index of the one with most changes.

    Whoever does not answer is asked again, up to `take_back_seconds`: it may be loading the very index. In a new cluster all answer that
    they are empty. stopped: whether the process is to end.
    """
    until = time.monotonic() + settings.take_back_seconds
    held: dict[str, int] = {}  # changes, by the URL of who has them
    silent_ones = [settings.member_url.format(ordinal) for ordinal in range(1, MOST_MEMBERS)]
    async with http_client(timeout=2) as client:
        while silent_ones and not stopped():
            answers = await asyncio.gather(*(_changes(client, url) for url in silent_ones))
            held |= {url: number for url, number in zip(silent_ones, answers, strict=True) if number is not None}
            silent_ones = [url for url in silent_ones if url not in held]
            if time.monotonic() >= until:
                break
            await asyncio.sleep(0.5 if silent_ones else 0)
    if stopped():
        return
    if silent_ones:
        _log.warning("Members that may hold an index did not answer: %s", ", ".join(silent_ones))
    best = max(held, key=held.__getitem__, default="")
    if best and held[best]:
        async with http_client(base_url=best, timeout=60) as client:
            await take_over(settings, store, client)


async def _changes(client: httpx.AsyncClient, url: str) -> int | None:
    """How many a member holds: 0 if there is no such member, none if it does not say."""
    where = httpx.URL(url)
    try:
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().getaddrinfo(where.host, where.port)
        return int((await client.get(f"{url}/stats")).raise_for_status().json()["sequence"])
    except socket.gaierror as error:
        return 0 if error.errno in NO_SUCH_NAME else None
    except (httpx.HTTPError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return None
