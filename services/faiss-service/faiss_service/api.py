"""The HTTP API of faiss-service."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Annotated, Any, Literal

import httpx
import numpy as np
import orjson
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from voicehelper_common import ApiError, count, create_app, valid_unicode

from .files import Damaged
from .follower import ANCESTORS, LINEAGE, SEQUENCE, Follower, take_back
from .log import Gone
from .operations import LONGEST_ID, LONGEST_METADATA, Add, Clear, Delete, Floats, size
from .settings import FaissSettings
from .snapshot import Manifest
from .store import Store

MOST_VECTORS = 1000  # of a request
CATCH_UP = 5.0  # seconds that a reader waits for a change which its caller knows of
_log = logging.getLogger(__name__)

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Vector = list[Number]
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), valid_unicode]
Sequence = Annotated[int, Field(ge=0, description="number of the change; a search with `after` sees it at every member")]


class AddRequest(BaseModel):
    """Vectors to hold."""

    vectors: Annotated[list[Vector], Field(min_length=1, max_length=MOST_VECTORS), count(1, MOST_VECTORS, "vectors")]
    ids: list[Id] | None = Field(None, description="one a vector; what has one of them is replaced. Default: made")
    metadata: list[dict[str, Any]] | None = Field(None, description="one object a vector")


class AddAnswer(BaseModel):
    """What is held, and will be after a crash."""

    added: int
    replaced: int
    ids: list[str]
    total_vectors: int
    sequence: Sequence


class DeleteRequest(BaseModel):
    """Ids to take out; those that are not there are no error."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_VECTORS), count(1, MOST_VECTORS, "ids")]


class DeleteAnswer(BaseModel):
    """What was taken out."""

    deleted: int
    total_vectors: int
    sequence: Sequence


class SearchRequest(BaseModel):
    """What to look for."""

    query_vector: Vector
    k: int = Field(10, ge=1, le=100)
    nprobe: int | None = Field(None, ge=1, le=65536, description="lists to look at; default: FAISS_NPROBE")
    after: int | None = Field(None, ge=0, description="see at least the change of this number; 503 where it does not come in time")


class Result(BaseModel):
    """A found vector; score: inner product, the cosine where vectors are normalised."""

    id: str
    score: float
    metadata: dict[str, Any]


class SearchAnswer(BaseModel):
    """The best, best first."""

    results: list[Result]
    query_time: float = Field(description="seconds")
    total_vectors: int


class Stats(BaseModel):
    """The index at this member."""

    total_vectors: int
    dimension: int
    index_type: str
    is_trained: bool = Field(description="whether it has lists; untrained, it is searched exactly")
    memory_usage_mb: float = Field(description="of the process")
    role: Literal["writer", "reader"]
    sequence: int
    saved_sequence: int
    lineage: str
    digest: str = Field(description="of all ids, metadata and vectors; alike at members that hold the same")


class Saved(BaseModel):
    """A snapshot."""

    total_vectors: int
    sequence: int
    digest: str


def make(settings: FaissSettings) -> FastAPI:
    """The application; `/ready` says when the index is loaded, and at a reader whether it is near its writer."""
    held: list[Store] = []
    followers: list[Follower] = []

    async def load(app: FastAPI) -> None:
        began = perf_counter()
        store = Store(settings, app.state.lifecycle.fail)
        try:
            await store.open()
            try:
                if settings.writes and settings.member_url and not store.sequence:
                    await take_back(settings, store, lambda: app.state.lifecycle.draining)
            except BaseException:
                await store.close()
                raise
        except Exception as error:
            _log.exception("The index cannot be loaded")
            app.state.lifecycle.fail(str(error))
            return
        held.append(store)
        fields = {"vectors": len(store.index), "sequence": store.sequence, "seconds": round(perf_counter() - began, 2)}
        _log.info("The index is loaded", extra=fields)
        if not settings.writes:
            followers.append(Follower(settings, store))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(load(app))
        yield
        await loading  # an index that is half loaded could not be left well
        for follower in followers:
            await follower.close()
        for store in held:
            await store.close()

    def the_store() -> Store:
        if not held:
            raise ApiError(503, "index", "an index that is being loaded", "a loaded index", retry_after=2)
        return held[0]

    def obstacle() -> str:
        if not held:
            return "the index is being loaded"
        return followers[0].obstacle() if followers else ""

    async def at_the_writer(request: Request) -> Response | None:
        """At a reader: the writer's answer, once what it changed is here too."""
        store = the_store()
        if settings.writes:
            return None
        try:
            asked = followers[0].client.request(
                request.method,
                request.url.path,
                content=await request.body(),
                headers={"content-type": "application/json"},
                timeout=settings.request_timeout * 0.8,
            )
            answer = await asked
        except httpx.TransportError as error:
            raise ApiError(503, "writer", "a writer that does not answer", "the writer", retry_after=2) from error
        if answer.status_code == 200:
            await store.reach(answer.json()["sequence"], CATCH_UP)
        headers = {name: value for name, value in answer.headers.items() if name == "retry-after"}
        return Response(answer.content, answer.status_code, headers, "application/json")

    def to_floats(vectors: list[Vector], field: str) -> Floats:
        wanted = settings.vector_dimension
        for place, vector in enumerate(vectors):
            if len(vector) != wanted:
                raise ApiError(400, field.format(place), f"{len(vector)} numbers", f"{wanted} numbers")
        floats = np.array(vectors, np.float64).astype(np.float32)
        if not np.isfinite(floats).all():
            place = int(np.argmin(np.isfinite(floats).all(axis=1)))
            raise ApiError(400, field.format(place), "a number beyond 32 bits", "32-bit floating point numbers")
        return floats

    app = create_app(
        "faiss-service",
        "1",
        settings,
        description="Vector search",
        lifespan=lifespan,
        unlimited={"/restore", "/backup", "/replica/snapshot"},
    )
    app.state.lifecycle.require("index", obstacle)

    @app.post("/add", response_model=AddAnswer)
    async def add(body: AddRequest, request: Request) -> AddAnswer | Response:
        """Hold them: 200 when they outlive a crash, 400 for a wrong dimension or count. A reader asks the writer; 503 if it is away."""
        vectors = to_floats(body.vectors, "vectors.{}")
        wanted = len(vectors)
        for field, values in (("ids", body.ids), ("metadata", body.metadata)):
            if values is not None and len(values) != wanted:
                raise ApiError(400, field, f"{len(values)} {field}", f"{wanted}, one a vector")
        if body.ids is not None and len(set(body.ids)) != wanted:
            raise ApiError(400, "ids", "an id more than once", "ids that differ")
        for place, item in enumerate(body.metadata or []):
            if (found := _size(item, f"metadata.{place}")) > LONGEST_METADATA:
                raise ApiError(400, f"metadata.{place}", f"{found} bytes", f"at most {LONGEST_METADATA} bytes as JSON")
        if answer := await at_the_writer(request):
            return answer
        store = the_store()
        ids = body.ids or [uuid.uuid4().hex for _ in vectors]
        sequence, replaced = await store.change(Add(ids, vectors, body.metadata))
        return AddAnswer(added=wanted, replaced=replaced, ids=ids, total_vectors=len(store.index), sequence=sequence)

    @app.post("/delete", response_model=DeleteAnswer)
    async def delete(body: DeleteRequest, request: Request) -> DeleteAnswer | Response:
        """Take vectors out by their ids."""
        return await at_the_writer(request) or await change(Delete(list(dict.fromkeys(body.ids))))

    @app.delete("/clear", response_model=DeleteAnswer)
    async def clear(request: Request) -> DeleteAnswer | Response:
        """Take out everything; the index is flat and untrained again."""
        return await at_the_writer(request) or await change(Clear())

    async def change(operation: Delete | Clear) -> DeleteAnswer:
        store = the_store()
        sequence, taken = await store.change(operation)
        return DeleteAnswer(deleted=taken, total_vectors=len(store.index), sequence=sequence)

    @app.post("/search", response_model=SearchAnswer)
    async def search(body: SearchRequest) -> Response:
        """The best `k` by inner product. 400 for a wrong dimension; 429 when too many wait."""
        began = perf_counter()
        store = the_store()
        query = to_floats([body.query_vector], "query_vector")[0]
        if body.after is not None and not await store.reach(body.after, CATCH_UP):
            raise ApiError(503, "after", f"change {store.sequence}", f"change {body.after}", retry_after=1)
        hits = await store.search(query, body.k, body.nprobe or settings.faiss_nprobe)
        results = [{"id": hit.id, "score": hit.score, "metadata": orjson.Fragment(hit.metadata)} for hit in hits]
        answer = {"results": results, "query_time": perf_counter() - began, "total_vectors": len(store.index)}
        return Response(orjson.dumps(answer), media_type="application/json")

    @app.get("/stats")
    async def stats() -> Stats:
        """The index at this member."""
        store = the_store()
        index = store.index
        return Stats(
            total_vectors=len(index),
            dimension=index.dimension,
            index_type=f"IVF{index.lists},Flat" if index.trained else "Flat",
            is_trained=index.trained,
            memory_usage_mb=round(_resident() / 2**20, 1),
            role="writer" if settings.writes else "reader",
            sequence=store.sequence,
            saved_sequence=store.saved.sequence,
            lineage=store.lineage,
            digest=f"{index.digest:032x}",
        )

    @app.post("/save")
    async def save() -> Saved:
        """Write a snapshot of this member now, if anything changed. 507 if it does not fit on the disk: the log has what changed."""
        try:
            return _saved(await the_store().save())
        except OSError as error:
            raise ApiError(507, "storage", str(error), "room on the disk", retry_after=30) from error

    @app.get("/backup", response_class=StreamingResponse, tags=["operations"])
    async def backup() -> StreamingResponse:
        """A snapshot of what is held now, as a tar file with checksums inside."""
        return _archive(*await the_store().snapshot(fresh=True))

    @app.post("/restore", tags=["operations"])
    async def restore(request: Request, replace: bool = False) -> Saved:
        """Take a backup for the index: compared with its checksums, vector by vector, before anything changes. 409 if vectors are held and
        `replace` is not true; 400 if the file is not whole; 507 if it does not fit on the disk. At the writer only."""
        store = the_store()
        if not settings.writes:
            raise ApiError(409, "member", settings.member, "the writer, ordinal 0")
        if len(store.index) and not replace:
            raise ApiError(409, "replace", f"{len(store.index)} vectors held", "an empty index, or replace=true")
        archive = settings.data_path / f"restore-{uuid.uuid4().hex}.in"
        try:
            length = 0
            with archive.open("wb") as file:
                async for part in request.stream():
                    length += len(part)
                    if length > settings.max_restore_bytes:
                        raise ApiError(
                            413, "body", f"more than {settings.max_restore_bytes} bytes", f"at most {settings.max_restore_bytes}"
                        )
                    await asyncio.to_thread(file.write, part)
            return _saved(await store.replace(archive, restore=True))
        except Damaged as error:
            raise ApiError(400, "body", str(error), "a backup of an index of this dimension, whole") from error
        except OSError as error:
            raise ApiError(507, "storage", str(error), "room on the disk", retry_after=30) from error
        finally:
            archive.unlink(missing_ok=True)

    @app.get("/replica/log", response_class=Response, tags=["members"])
    async def replica_log(lineage: str, after: Annotated[int, Query(ge=0)], wait: Annotated[float, Query(ge=0, le=10)] = 0) -> Response:
        """For readers: the log after a number, waiting for news; 410 where a snapshot must be taken first."""
        store = the_store()
        if lineage != store.lineage or after > store.sequence:
            raise ApiError(410, "lineage", f"{lineage}, {after}", f"{store.lineage}, at most {store.sequence}")
        try:
            data = await store.frames(after, 0 if app.state.lifecycle.draining else wait)
        except Gone as error:
            raise ApiError(410, "after", str(after), "a number that the log still has") from error
        return Response(data, headers={SEQUENCE: str(store.sequence), LINEAGE: store.lineage}, media_type="application/octet-stream")

    @app.get("/replica/snapshot", response_class=StreamingResponse, tags=["members"])
    async def replica_snapshot(fresh: bool = False) -> StreamingResponse:
        """For members: the newest snapshot, from which the log goes on; `fresh`: of all that is held now."""
        return _archive(*await the_store().snapshot(fresh=fresh))

    return app


def _archive(manifest: Manifest, parts: Any) -> StreamingResponse:
    headers = {LINEAGE: manifest.lineage, ANCESTORS: ",".join(manifest.ancestors), SEQUENCE: str(manifest.sequence)}
    headers |= {"X-Total-Vectors": str(manifest.total_vectors), "X-Digest": manifest.digest}
    return StreamingResponse(parts, headers=headers, media_type="application/x-tar")


def _saved(manifest: Manifest) -> Saved:
    return Saved(total_vectors=manifest.total_vectors, sequence=manifest.sequence, digest=manifest.digest)


def _size(item: dict[str, Any], field: str) -> int:
    try:
        return size(item)
    except (TypeError, ValueError) as error:
        found = "what JSON of 64-bit numbers, Unicode and some 250 levels cannot hold"
        raise ApiError(400, field, found, "a JSON object") from error


def _resident() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096
