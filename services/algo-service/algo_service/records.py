"""Documents, their jobs and the text of their chunks, as PostgreSQL keeps them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from .chunking import Chunk
from .database import asking

_DOCUMENT = "d.id, d.place, d.owner, d.shared, d.title, d.filename, d.content_type, d.kind, d.size, d.status, d.chunks, d.created_at"
_JOB = "id, place, document_id, owner, kind, status, error, attempts, indexed, created_at, updated_at"
_VISIBLE = "d.status <> 'deleting' AND (d.owner = ${0} OR d.shared OR ${1})"

_CHUNK = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]{1,9})")


@dataclass(frozen=True)
class Caller:
    """Who asks: a user's id, and whether they are an operator, who sees everything."""

    user_id: UUID
    operator: bool


@dataclass(frozen=True)
class NewDocument:
    """What is known of a document when it arrives; sha256: 32 bytes of its content, size in bytes."""

    title: str
    filename: str
    content_type: str
    kind: str
    size: int
    sha256: bytes


class Records:
    """Documents, jobs and chunks. Errors of the database come as `Unavailable`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def same(self, owner: UUID, sha256: bytes) -> asyncpg.Record | None:
        """The owner's document of that content and its newest job: `document_id`, `job_id`, `status` of the job."""
        with asking():
            return await self._pool.fetchrow(
                "SELECT d.id AS document_id, j.id AS job_id, j.status FROM documents d JOIN jobs j ON j.document_id = d.id"
                " WHERE d.owner = $1 AND d.sha256 = $2 AND d.status <> 'deleting' ORDER BY j.place DESC LIMIT 1",
                owner,
                sha256,
            )

    async def add(self, document_id: UUID, new: NewDocument, caller: Caller) -> UUID | None:
        """A document and its job, whose id it gives; None where the caller has one of the same content (another request was faster)."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                added = await connection.fetchval(
                    "INSERT INTO documents (id, owner, shared, title, filename, content_type, kind, size, sha256, status)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued') ON CONFLICT DO NOTHING RETURNING true",
                    document_id,
                    caller.user_id,
                    caller.operator,
                    new.title,
                    new.filename,
                    new.content_type,
                    new.kind,
                    new.size,
                    new.sha256,
                )
                return await self._new_job(connection, document_id, caller.user_id, "ingest") if added else None

    async def again(self, document_id: UUID, owner: UUID) -> UUID:
        """A further job for a document whose last one failed; gives its id."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("UPDATE documents SET status = 'queued' WHERE id = $1", document_id)
                return await self._new_job(connection, document_id, owner, "ingest")

    async def begin_deleting(self, document_id: UUID, caller: Caller) -> UUID | None:
        """Hide a document from everybody and make the job that removes it; None where the caller has no such document."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                owner = await connection.fetchval(
                    "UPDATE documents SET status = 'deleting'"
                    " WHERE id = $1 AND status <> 'deleting' AND (owner = $2 OR $3) RETURNING owner",
                    document_id,
                    caller.user_id,
                    caller.operator,
                )
                return owner and await self._new_job(connection, document_id, owner, "delete")

    async def remove(self, document_id: UUID) -> None:
        """Remove a document's row, its jobs and chunks."""
        with asking():
            await self._pool.execute("DELETE FROM documents WHERE id = $1", document_id)

    async def document(self, document_id: UUID, caller: Caller) -> asyncpg.Record | None:
        """A document that the caller may see."""
        with asking():
            return await self._pool.fetchrow(
                f"SELECT {_DOCUMENT} FROM documents d WHERE d.id = $1 AND {_VISIBLE.format(2, 3)}",
                document_id,
                caller.user_id,
                caller.operator,
            )

    async def documents(self, caller: Caller, limit: int, before: int) -> list[asyncpg.Record]:
        """Documents that the caller may see, newest first, before the place `before`."""
        with asking():
            return await self._pool.fetch(
                f"SELECT {_DOCUMENT} FROM documents d WHERE d.place < $4 AND {_VISIBLE.format(2, 3)} ORDER BY d.place DESC LIMIT $1",
                limit,
                caller.user_id,
                caller.operator,
                before,
            )

    async def job(self, job_id: UUID, caller: Caller) -> asyncpg.Record | None:
        """A job of the caller's, or for an operator any."""
        with asking():
            return await self._pool.fetchrow(
                f"SELECT {_JOB} FROM jobs WHERE id = $1 AND (owner = $2 OR $3)", job_id, caller.user_id, caller.operator
            )

    async def jobs(self, caller: Caller, limit: int, before: int, status: str | None) -> list[asyncpg.Record]:
        """Jobs of the caller, or for an operator all, newest first, before the place `before`; of one status, where one is given."""
        with asking():
            return await self._pool.fetch(
                f"SELECT {_JOB} FROM jobs WHERE place < $4 AND (owner = $2 OR $3) AND ($5::text IS NULL OR status = $5)"
                " ORDER BY place DESC LIMIT $1",
                limit,
                caller.user_id,
                caller.operator,
                before,
                status,
            )

    async def counts(self) -> dict[str, int | dict[str, int]]:
        """How many documents, chunks, users, and jobs of each status there are."""
        with asking():
            async with self._pool.acquire() as connection:
                jobs = await connection.fetch("SELECT status, count(*) AS number FROM jobs GROUP BY status")
                row = await connection.fetchrow(
                    "SELECT (SELECT count(*) FROM documents WHERE status <> 'deleting') AS documents,"
                    " (SELECT count(*) FROM chunks) AS chunks, (SELECT count(*) FROM users) AS users"
                )
        return {**row, "jobs": dict.fromkeys(("queued", "running", "done", "failed"), 0) | {job["status"]: job["number"] for job in jobs}}

    async def texts(self, ids: Sequence[str], caller: Caller) -> dict[str, asyncpg.Record]:
        """Of chunks, by id: document_id, number, part, text, title, filename. Only of documents that are ready and visible to them.

        An index may hold what others put there: ids that are no chunk's are passed over.
        """
        pairs = [(UUID(found[1]), int(found[2])) for found in map(_CHUNK.fullmatch, ids) if found]
        with asking():
            rows = await self._pool.fetch(
                "SELECT c.document_id, c.number, c.part, c.text, d.title, d.filename FROM chunks c JOIN documents d ON d.id = c.document_id"
                " JOIN unnest($1::uuid[], $2::int[]) AS wanted (document_id, number) USING (document_id, number)"
                f" WHERE d.status = 'ready' AND {_VISIBLE.format(3, 4)}",
                [document for document, _ in pairs],
                [number for _, number in pairs],
                caller.user_id,
                caller.operator,
            )
        return {f"{row['document_id']}:{row['number']}": row for row in rows}

    # What a worker does with a job

    @asynccontextmanager
    async def alone_with(self, document_id: UUID) -> AsyncIterator[None]:
        """Work at a document while nobody else does. The lock is the connection's: it goes when the worker is killed.

        Raises:
            Unavailable: somebody else works at it for a minute and more, or the database is away.
        """
        key = int.from_bytes(document_id.bytes[:8], signed=True)
        with asking():
            connection = await self._pool.acquire()
        try:
            with asking():
                await connection.execute("SELECT pg_advisory_lock($1)", key, timeout=60)
            yield
        finally:
            await self._pool.release(connection)  # which lets go of its locks

    async def begin(self, job_id: UUID, *, count: bool) -> tuple[asyncpg.Record, asyncpg.Record] | None:
        """Job and document, marked as running, and whether that is a further attempt; None where there is nothing left to do."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                job = await connection.fetchrow(
                    "UPDATE jobs SET status = 'running', attempts = attempts + $2::int, updated_at = now()"
                    f" WHERE id = $1 AND status IN ('queued', 'running') RETURNING {_JOB}",
                    job_id,
                    int(count),
                )
                if job is None:
                    return None
                await connection.execute(
                    "UPDATE documents SET status = 'running' WHERE id = $1 AND status IN ('queued', 'failed')", job["document_id"]
                )
                document = await connection.fetchrow(f"SELECT {_DOCUMENT} FROM documents d WHERE d.id = $1", job["document_id"])
                return job, document

    async def keep_chunks(self, document_id: UUID, chunks: Sequence[Chunk]) -> None:
        """Make these the document's chunks, in place of any that it had."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("DELETE FROM chunks WHERE document_id = $1", document_id)
                await connection.copy_records_to_table(
                    "chunks",
                    columns=["document_id", "number", "part", "text"],
                    records=[(document_id, chunk.number, chunk.part, chunk.text) for chunk in chunks],
                )
                await connection.execute("UPDATE documents SET chunks = $2 WHERE id = $1", document_id, len(chunks))

    async def chunks(self, document_id: UUID) -> list[Chunk]:
        """A document's chunks in order."""
        with asking():
            rows = await self._pool.fetch("SELECT number, part, text FROM chunks WHERE document_id = $1 ORDER BY number", document_id)
        return [Chunk(**row) for row in rows]

    async def indexed(self, job_id: UUID, number: int) -> None:
        """Note that every index has the document's first `number` chunks."""
        with asking():
            await self._pool.execute("UPDATE jobs SET indexed = $2, updated_at = now() WHERE id = $1", job_id, number)

    async def finish(self, job_id: UUID, document_id: UUID) -> None:
        """The job is done and the document can be found."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("UPDATE jobs SET status = 'done', error = NULL, updated_at = now() WHERE id = $1", job_id)
                await connection.execute("UPDATE documents SET status = 'ready' WHERE id = $1 AND status <> 'deleting'", document_id)

    async def note(self, job_id: UUID, error: str) -> None:
        """What kept a try of the job from its end."""
        with asking():
            await self._pool.execute("UPDATE jobs SET error = $2, updated_at = now() WHERE id = $1", job_id, error)

    async def fail(self, job_id: UUID, error: str) -> None:
        """Give a job up."""
        with asking():
            async with self._pool.acquire() as connection, connection.transaction():
                document_id = await connection.fetchval(
                    "UPDATE jobs SET status = 'failed', error = $2, updated_at = now() WHERE id = $1 RETURNING document_id", job_id, error
                )
                await connection.execute("UPDATE documents SET status = 'failed' WHERE id = $1 AND status <> 'deleting'", document_id)

    async def stale(self, seconds: float) -> list[asyncpg.Record]:
        """Jobs that nobody has touched for so long; touched by this, so that of several workers one has each.

        Each time it takes at least as long as a job had been there then: those that just wait in a long queue must not multiply.
        """
        with asking():
            return await self._pool.fetch(
                "UPDATE jobs SET updated_at = now()"
                " WHERE status IN ('queued', 'running')"
                f" AND updated_at < now() - greatest($1 * interval '1 s', updated_at - created_at) RETURNING {_JOB}",
                seconds,
            )

    @staticmethod
    async def _new_job(connection: asyncpg.pool.PoolConnectionProxy, document_id: UUID, owner: UUID, kind: str) -> UUID:
        return await connection.fetchval(
            "INSERT INTO jobs (id, document_id, owner, kind, status) VALUES ($1, $2, $3, $4, 'queued') RETURNING id",
            uuid4(),
            document_id,
            owner,
            kind,
        )
