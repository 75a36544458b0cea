"""A durable index: changes go into the log and then into memory; snapshots shorten what a start replays.

Two threads do the work that would stop the event loop: one owns the index in memory (searches, changes), one the log. Searches that wait
are answered in one call of FAISS, changes that wait share one commit. A snapshot is written beside searches; changes wait for it. What has
begun to change memory or disk goes on to its end, though its request be cancelled: a thread cannot be stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import faiss
import numpy as np
from prometheus_client import Counter, Gauge, Histogram

from voicehelper_common import ApiError
from voicehelper_common.metrics import LATENCY_BUCKETS

from . import snapshot
from .disk import Disk
from .files import Damaged
from .index import Hit, Index, centroids
from .log import Frame
from .operations import Add, Floats, Operation, Train, decode, encode
from .settings import FaissSettings
from .snapshot import Manifest

T = TypeVar("T")
_log = logging.getLogger(__name__)
_COMMIT_BYTES = 16 * 2**20  # of one commit, about

search_seconds = Histogram("faiss_search_duration_seconds", "Time of one call of FAISS", buckets=LATENCY_BUCKETS)
search_batch = Histogram("faiss_search_batch", "Searches answered by one call", buckets=(1, 2, 4, 8, 16, 32, 64, 128))
commit_seconds = Histogram("faiss_commit_duration_seconds", "Time until a commit was on the disk", buckets=LATENCY_BUCKETS)
save_seconds = Histogram("faiss_save_duration_seconds", "Time of writing a snapshot", buckets=(0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300))
vectors_held = Gauge("faiss_vectors", "Vectors in the index")
log_bytes = Gauge("faiss_log_bytes", "Bytes of the log on the disk")
sequence_applied = Gauge("faiss_sequence", "Number of the last change that this member has applied")
changed_vectors = Counter("faiss_vectors_added_total", "Vectors added or replaced")


@dataclass(slots=True)
class _Search:
    query: Floats
    k: int
    nprobe: int
    hits: asyncio.Future[list[Hit]]


@dataclass(slots=True)
class _Change:
    payload: bytes
    added: int  # vectors
    done: asyncio.Future[tuple[int, int]]


class Store:
    """The index of one member, in memory and on its disk.

    Attributes:
        sequence: number of the last change applied.
    """

    def __init__(self, settings: FaissSettings, fail: Callable[[str], None]) -> None:
        """fail: called with the reason when this store can do its work no longer, so that the process should end."""
        self._settings, self._fail = settings, fail
        self._disk = Disk(settings)
        self._index_thread = ThreadPoolExecutor(1, "index")
        self._log_thread = ThreadPoolExecutor(1, "log")
        self._searches: list[_Search] = []
        self._changes: list[_Change] = []
        self._exclusive = asyncio.Lock()  # of changes and snapshots
        self._news = asyncio.Event()  # of a commit; a new one each time
        self._work = {"search": asyncio.Event(), "change": asyncio.Event()}
        self._tasks: set[asyncio.Task[None]] = set()  # cancelled by the stop
        self._running: set[asyncio.Task[Any]] = set()  # waited for by the stop
        self._training = self._closing = False
        self._broken = ""
        faiss.omp_set_num_threads(settings.threads)

    @property
    def index(self) -> Index:
        """The index in memory; only its attributes are safe to read beside its thread."""
        return self._index

    @property
    def saved(self) -> Manifest:
        """What the newest snapshot holds."""
        return self._disk.saved

    @property
    def lineage(self) -> str:
        """Of this index; another after a restore."""
        return self.saved.lineage

    async def open(self) -> None:
        """Load what is on the disk, or begin with nothing.

        Raises:
            Damaged: what is there cannot be used.
            OSError: it cannot be read or written.
        """
        self._index = await asyncio.to_thread(self._disk.open)
        self.sequence = self._disk.log.last
        self._note()
        for loop in (self._answer_searches(), self._commit_changes(), self._save_now_and_then()):
            self._spawn(loop).add_done_callback(self._loop_ended)
        self._train_if_time()

    async def close(self) -> None:
        """Save and let go; what waits is cancelled, what has begun is waited for."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._running, return_exceptions=True)
        if not self._broken:  # else the log knows better than memory
            await self.save()
        self._log_thread.shutdown()
        self._index_thread.shutdown()
        self._disk.close()

    async def search(self, query: Floats, k: int, nprobe: int) -> list[Hit]:
        """The best `k` for `query` (dimension), best first.

        Raises:
            ApiError: 429, too many wait; 503, the process is about to end.
        """
        self._refuse_beyond("searches", len(self._searches))
        item = _Search(query, k, nprobe, asyncio.get_running_loop().create_future())
        self._searches.append(item)
        self._work["search"].set()
        return await item.hits

    async def change(self, operation: Operation) -> tuple[int, int]:
        """Apply a change that has been checked, once it is on the disk: its number, and how many items it took out or replaced.

        Raises:
            ApiError: 429, too many wait; 503, the process is about to end; 507, it does not fit.
        """
        self._refuse_beyond("changes", len(self._changes))
        added = len(operation.ids) if isinstance(operation, Add) else 0
        held, most = len(self._index) + sum(change.added for change in self._changes), self._settings.max_vectors
        if added and held + added > most:
            raise ApiError(507, "vectors", f"{held} vectors held, {added} more", f"at most {most} vectors")
        # Encoded here, what cannot be is this caller's error and nobody else's.
        item = _Change(encode([operation]), added, asyncio.get_running_loop().create_future())
        self._changes.append(item)
        self._work["change"].set()
        return await item.done

    async def follow(self, data: bytes) -> None:
        """Apply frames of the writer's log. Raises as `Log.extend`."""

        async def work() -> None:
            await self._apply(await self._write(lambda: self._disk.log.extend(data)))

        await self._alone(work)

    async def frames(self, after: int, wait: float) -> bytes:
        """Frames after number `after`; waits for one up to `wait` seconds. Raises as `Log.read`."""
        news = self._news
        data = await self._in(self._log_thread, lambda: self._disk.log.read(after))
        if not data and wait:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), wait)
            data = await self._in(self._log_thread, lambda: self._disk.log.read(after))
        return data

    async def reach(self, sequence: int, wait: float) -> bool:
        """Wait up to `wait` seconds until the change of this number has been applied."""
        until = time.monotonic() + wait
        while self.sequence < sequence and (left := until - time.monotonic()) > 0:
            news = self._news
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), left)
        return self.sequence >= sequence

    async def save(self) -> Manifest:
        """Write a snapshot, if anything changed since the last one.

        Raises:
            OSError: it could not be written; the log has what changed.
        """
        return await self._alone(self._save)

    async def snapshot(self, fresh: bool) -> tuple[Manifest, Iterator[bytes]]:
        """The newest snapshot as a tar file; `fresh`: of what is held now."""
        if fresh:
            await self.save()
        async with self._exclusive:
            return self.saved, snapshot.pack(self._disk.path())

    async def replace(self, archive: Path, *, restore: bool) -> Manifest:
        """Put a snapshot in the place of everything that is held.

        Args:
            archive: a tar file that `snapshot` gave, here or elsewhere.
            restore: it becomes an index of its own, which readers take over anew; else it is the writer's, which this member follows.

        Raises:
            Damaged: the archive is not whole, or its vectors are not those that were saved.
            OSError: it does not fit on the disk.
        """
        manifest = await self._alone(lambda: self._replace(archive, restore))
        self._train_if_time()
        return manifest

    async def _answer_searches(self) -> None:
        while True:
            await self._wait_for("search", self._searches)
            nprobe = self._searches[0].nprobe
            batch = [s for s in self._searches if s.nprobe == nprobe and not s.hits.done()]
            self._searches = [s for s in self._searches if s.nprobe != nprobe]
            if not batch:
                continue
            try:
                queries, k = np.stack([s.query for s in batch]), max(s.k for s in batch)
                with search_seconds.time():
                    found = await self._in(self._index_thread, lambda q=queries, k=k, n=nprobe: self._index.search(q, k, n))
            except Exception as error:  # it is these searches' end, not that of all to come
                _settle((item.hits for item in batch), error)
                continue
            search_batch.observe(len(batch))
            for item, hits in zip(batch, found, strict=True):
                if not item.hits.done():
                    item.hits.set_result(hits[: item.k])

    async def _commit_changes(self) -> None:
        while True:
            await self._wait_for("change", self._changes)
            await self._alone(self._commit)
            self._train_if_time()

    async def _commit(self) -> None:
        batch = self._take_changes()
        payload = b"".join(item.payload for item in batch)
        try:
            with commit_seconds.time():
                number = await self._write(lambda: self._disk.log.append(payload))
            counts = await self._apply([Frame(number, payload)])
        except OSError as error:
            _log.exception("A change could not be written")
            _settle((item.done for item in batch), ApiError(507, "storage", str(error), "room on the disk", retry_after=30))
            return
        except BaseException as error:
            _settle((item.done for item in batch), self._refusal(str(error)))
            raise
        for item, count in zip(batch, counts, strict=True):
            changed_vectors.inc(item.added)
            if not item.done.done():
                item.done.set_result((number, count))

    def _take_changes(self) -> list[_Change]:
        batch, length = [], 0
        while self._changes and length < _COMMIT_BYTES:
            batch.append(self._changes.pop(0))
            length += len(batch[-1].payload)
        return batch

    async def _write(self, work: Callable[[], T]) -> T:
        try:
            return await self._in(self._log_thread, work)
        except Damaged as error:
            self._break(str(error))
            raise

    async def _save(self) -> Manifest:
        if self.saved.sequence == self.sequence:
            return self.saved
        with save_seconds.time():
            manifest = await asyncio.to_thread(self._disk.write, self._index, self.sequence)
            await self._in(self._log_thread, lambda: self._disk.turn(manifest))
        self._note()
        return manifest

    async def _replace(self, archive: Path, restore: bool) -> Manifest:
        try:
            manifest, index = await asyncio.to_thread(self._disk.unpack, archive, restore, self.sequence)
            await self._in(self._log_thread, lambda: self._disk.adopt(manifest))
        finally:
            await asyncio.to_thread(self._disk.discard)
        await self._in(self._index_thread, lambda: setattr(self, "_index", index))
        self.sequence = manifest.sequence
        self._note()
        return manifest

    async def _apply(self, frames: list[Frame]) -> list[int]:
        def work() -> list[int]:
            return [self._index.apply(operation) for frame in frames for operation in decode(frame.payload)]

        try:
            counts = await self._in(self._index_thread, work)
        except Exception as error:  # the log has what memory lacks: a start from it makes them one again
            reason = f"a change that is in the log could not be applied: {error}"
            self._break(reason)
            raise Damaged(reason) from error
        self.sequence = frames[-1].sequence
        self._note()
        return counts

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._settings.index_save_interval)
            try:
                await self.save()
            except Exception:
                _log.exception("The index could not be saved; the log has what changed")

    def _train_if_time(self) -> None:
        wanted = self._settings.faiss_index_type == "IVF" and self._settings.writes
        if wanted and not self._index.trained and not self._training and len(self._index) >= self._settings.train_at:
            self._training = True
            self._spawn(self._train())

    async def _train(self) -> None:
        try:
            lists = self._settings.faiss_nlist
            vectors = await self._in(self._index_thread, lambda: self._index.sample(256 * lists))
            found = await asyncio.to_thread(centroids, vectors, lists)
            if len(self._index) >= self._settings.train_at:  # it may have been cleared meanwhile
                await self.change(Train(found))
                _log.info("The index is trained", extra={"lists": lists, "vectors": len(vectors)})
        except ApiError:
            _log.warning("The index could not be trained now; the next change tries again")
        except Exception:
            _log.exception("The index could not be trained; the next change tries again")
        finally:
            self._training = False

    async def _wait_for(self, kind: str, waiting: list) -> None:
        if not waiting:
            self._work[kind].clear()
            await self._work[kind].wait()

    def _refuse_beyond(self, kind: str, waiting: int) -> None:
        if self._broken:
            raise self._refusal(self._broken)
        most = self._settings.waiting_requests
        if waiting >= most:
            raise ApiError(429, "queue", f"{waiting} {kind} waiting", f"fewer than {most}", retry_after=1)

    def _note(self) -> None:
        vectors_held.set(len(self._index))
        sequence_applied.set(self.sequence)
        log_bytes.set(self._disk.log.size)
        self._news.set()
        self._news = asyncio.Event()

    async def _alone(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do it beside no other such work, to its end: who is cancelled in the wait for it leaves the lock to it."""
        await self._exclusive.acquire()
        if self._broken:
            self._exclusive.release()
            raise self._refusal(self._broken)
        task = asyncio.create_task(work())
        self._running.add(task)

        def ended(task: asyncio.Task[T]) -> None:
            self._running.discard(task)
            self._exclusive.release()

        task.add_done_callback(ended)
        return await asyncio.shield(task)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=work.__name__)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        if not self._closing:
            error = None if task.cancelled() else task.exception()
            _log.critical("%s ended", task.get_name(), exc_info=error)
            self._break(f"{task.get_name()} ended: {error}")

    def _break(self, reason: str) -> None:
        """Nobody would do the work any more, or memory and disk are no longer one: end the service rather than let callers wait."""
        self._broken = self._broken or reason
        self._fail(self._broken)
        waiting = [*(item.hits for item in self._searches), *(item.done for item in self._changes)]
        _settle(waiting, self._refusal(self._broken))

    @staticmethod
    def _refusal(reason: str) -> ApiError:
        return ApiError(503, "index", reason, "an index in order", retry_after=5)

    @staticmethod
    async def _in(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, work)


def _settle(waiting: Iterable[asyncio.Future[Any]], error: BaseException) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
