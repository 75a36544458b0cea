"""Documents on their way in and out: taken when they are safe, then brought into every index by a worker, step by step."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from prometheus_client import Counter, Histogram

from .blobs import Blobs
from .chunking import Chunk, chunks
from .events import Events, Status
from .extract import extract
from .failures import Unavailable, refused
from .formats import CONTENT_TYPES, DocumentError, archive_members, kind_of
from .graph import Graph
from .jobs import Job, Jobs
from .models import Models
from .records import Caller, NewDocument, Records
from .settings import AlgoSettings
from .texts import Texts

_log = logging.getLogger(__name__)
taken = Counter("documents_taken_total", "Documents that were acknowledged", ["kind"])
ended = Counter("ingest_jobs_total", "Jobs that ended", ["kind", "status"])
_OWN_FAILURES = 3  # in one delivery, that no absence of another system explains
steps = Histogram("ingest_step_seconds", "Time of the steps of an ingest", ["step"], buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120))


@dataclass(frozen=True)
class Acknowledged:
    """What a client is told of a document that is safe."""

    document_id: UUID
    job_id: UUID
    status: str


@dataclass
class _Delivery:
    """What became of a job since its message came. All its waiting for systems that are away is one attempt."""

    counted: bool = False
    own_failures: int = 0


class Intake:
    """Takes documents. Its methods raise ApiError, and Unavailable where a document is not safe and so is not taken."""

    def __init__(self, settings: AlgoSettings, records: Records, blobs: Blobs, jobs: Jobs, status: Status) -> None:
        self._settings = settings
        self._records, self._blobs, self._jobs, self._status = records, blobs, jobs, status

    async def take(self, file: BinaryIO, filename: str, title: str, caller: Caller) -> Acknowledged:
        """A document is acknowledged once MinIO has its bytes, PostgreSQL its row, and a majority of RabbitMQ its job.

        The same bytes of the same owner are the same document: whoever asks again, as after a lost answer, is told of that one.
        """
        try:
            new = await asyncio.to_thread(self._look_at, file, filename, title)
        except DocumentError as error:
            raise refused(error) from error
        if known := await self._records.same(caller.user_id, new.sha256):
            return await self._known(known, caller)
        document_id = uuid4()
        await self._blobs.put(document_id, file, new.size, new.content_type)
        job_id = await self._records.add(document_id, new, caller)
        if job_id is None:  # another request with the same bytes was faster
            await self._drop(document_id)
            if known := await self._records.same(caller.user_id, new.sha256):
                return await self._known(known, caller)
            raise Unavailable("postgresql", "the same document is being removed")
        # From here on nothing is taken back: another request may have been told of the row meanwhile. A job that was not confirmed is sent
        # again by whoever asks again, or by a worker that finds it stale.
        await self._jobs.send(Job(job_id, document_id, "ingest"))
        taken.labels(new.kind).inc()
        await self._status.tell(str(document_id), job_id=str(job_id), owner=str(caller.user_id), status="queued")
        return Acknowledged(document_id, job_id, "queued")

    async def remove(self, document_id: UUID, caller: Caller) -> bool:
        """Have a document removed everywhere. Nobody finds it from now on. Whether the caller has such a document."""
        job_id = await self._records.begin_deleting(document_id, caller)
        if job_id is None:
            return False
        try:
            await self._jobs.send(Job(job_id, document_id, "delete"))
        except Unavailable:
            _log.warning("The job that removes a document waits for the next look at stale jobs", extra={"document_id": str(document_id)})
        return True

    def _look_at(self, file: BinaryIO, filename: str, title: str) -> NewDocument:
        """What a file is; leaves it at its beginning.

        Raises:
            DocumentError: it is not taken.
        """
        file.seek(0, 2)
        size = file.tell()
        file.seek(0)
        if size > self._settings.max_upload_size:
            raise DocumentError(413, f"{size} bytes", f"at most {self._settings.max_upload_size} bytes")
        kind = kind_of(file, filename)
        if kind == "zip":
            archive_members(file, self._settings.limits)
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        return NewDocument(title or Path(filename).stem or "Untitled", filename, CONTENT_TYPES[kind], kind, size, digest)

    async def _known(self, known: Any, caller: Caller) -> Acknowledged:
        """A document that is there. One whose job may not be in the queue, or failed, gets it there before it is acknowledged."""
        document_id, job_id, status = known["document_id"], known["job_id"], known["status"]
        if status == "failed":
            job_id, status = await self._records.again(document_id, caller.user_id), "queued"
        if status == "queued":
            await self._jobs.send(Job(job_id, document_id, "ingest"))
        return Acknowledged(document_id, job_id, status)

    async def _drop(self, document_id: UUID) -> None:
        try:
            await self._blobs.remove(document_id)
        except Unavailable:
            _log.warning("An object without a document stays in MinIO", extra={"document_id": str(document_id)})


class Work:
    """What a worker does with a job. Every step may be done again and changes nothing then."""

    def __init__(
        self,
        settings: AlgoSettings,
        records: Records,
        blobs: Blobs,
        texts: Texts,
        graph: Graph,
        models: Models,
        events: Events,
        status: Status,
    ) -> None:
        self._settings = settings
        self._records, self._blobs, self._texts, self._graph, self._models = records, blobs, texts, graph, models
        self._events, self._status = events, status

    async def do(self, job: Job) -> None:
        """Bring a job to its end: done or failed.

        Raises:
            Unavailable: something was away for longer than a job waits. The job can be tried again.
        """
        deadline = time.monotonic() + self._settings.job_patience
        wait = 1.0
        delivery = _Delivery()
        while True:
            try:
                async with self._records.alone_with(job.document_id):
                    await self._try(job, delivery)
                return
            except Unavailable as error:
                _log.warning("A job waits: %s", error, extra={"job_id": str(job.job_id), "document_id": str(job.document_id)})
                if time.monotonic() + wait > deadline or delivery.own_failures >= _OWN_FAILURES:
                    raise
                await asyncio.sleep(wait)
                wait = min(wait * 2, 30.0)

    async def _try(self, job: Job, delivery: _Delivery) -> None:
        begun = await self._records.begin(job.job_id, count=not delivery.counted)
        if begun is None:
            return  # done, failed, or removed with its document: a message that came twice
        delivery.counted = True
        row, document = begun
        facts = {"job_id": str(job.job_id), "owner": str(row["owner"])}
        mortal = row["kind"] != "delete"  # what somebody had removed must not stay because a system was away for long
        if mortal and row["attempts"] > self._settings.job_attempts:  # looked at first: a document may end its worker each time
            reason = row["error"] or "each ended its worker"
            await self._give_up(job, f"given up after {self._settings.job_attempts} attempts: {reason}", facts)
            return
        try:
            if row["kind"] == "delete":
                await self._delete(document)
            elif document["status"] == "deleting":
                await self._records.fail(job.job_id, "the document was removed")
            else:
                await self._ingest(row, document, facts)
        except DocumentError as error:
            await self._give_up(job, str(error), facts)
        except Unavailable as error:
            await self._records.note(job.job_id, str(error))
            raise
        except Exception as error:
            _log.exception("A job failed in a way that was not foreseen", extra={"job_id": str(job.job_id)})
            delivery.own_failures += 1
            if mortal and delivery.own_failures >= _OWN_FAILURES:
                await self._give_up(job, f"{type(error).__name__}", facts)
                return
            await self._records.note(job.job_id, type(error).__name__)
            raise Unavailable("algo-service", type(error).__name__) from error

    async def _ingest(self, row: Any, document: Any, facts: dict[str, Any]) -> None:
        document_id, name = document["id"], str(document["id"])
        await self._status.tell(name, **facts, status="running", step="read")
        have = await self._records.chunks(document_id) if row["indexed"] else await self._read(document)
        for first in range(row["indexed"], len(have), self._settings.bge_batch_size):
            await self._index(document, have[first : first + self._settings.bge_batch_size])
            done = min(first + self._settings.bge_batch_size, len(have))
            await self._records.indexed(row["id"], done)
            await self._status.tell(name, **facts, status="running", step="index", chunks=done)
        await self._events.tell("document.ready", name, owner=facts["owner"], title=document["title"], chunks=len(have))
        await self._records.finish(row["id"], document_id)
        await self._status.tell(name, **facts, status="ready", chunks=len(have))
        ended.labels("ingest", "done").inc()

    async def _read(self, document: Any) -> list[Chunk]:
        """Fetch a document, read it, and keep its chunks."""
        with tempfile.TemporaryDirectory() as folder, steps.labels("read").time():
            path = Path(folder) / "document"
            await self._blobs.fetch(document["id"], path)
            parts = await extract(path, document["kind"], self._settings.limits)
            cut = await asyncio.to_thread(chunks, parts, self._settings.chunk_tokens, self._settings.chunk_overlap)
        await self._records.keep_chunks(document["id"], cut)
        return cut

    async def _index(self, document: Any, batch: list[Chunk]) -> None:
        """Bring chunks into the vectors, the full text and the graph."""
        ids = [f"{document['id']}:{chunk.number}" for chunk in batch]
        metadata = [{"document_id": str(document["id"]), "chunk": chunk.number, "owner": str(document["owner"])} for chunk in batch]
        with steps.labels("embed").time():
            vectors = await self._models.embed([chunk.text for chunk in batch])
        with steps.labels("vectors").time():
            await self._models.add(ids, vectors, metadata)
        with steps.labels("words").time():
            await self._texts.add(document, batch)
        with steps.labels("graph").time():
            await self._graph.add(document, batch)

    async def _delete(self, document: Any) -> None:
        """Remove a document everywhere; its row, by which the rest is found, goes last."""
        document_id = document["id"]
        await self._models.remove([f"{document_id}:{number}" for number in range(document["chunks"])])
        await self._texts.remove(document_id, document["chunks"])
        await self._graph.remove(document_id)
        await self._blobs.remove(document_id)
        await self._events.tell("document.deleted", str(document_id), owner=str(document["owner"]))
        await self._records.remove(document_id)
        await self._status.tell(str(document_id), owner=str(document["owner"]), status="deleted")
        ended.labels("delete", "done").inc()

    async def _give_up(self, job: Job, error: str, facts: dict[str, Any]) -> None:
        await self._records.fail(job.job_id, error)
        await self._status.tell(str(job.document_id), **facts, status="failed", error=error)
        ended.labels(job.kind, "failed").inc()
