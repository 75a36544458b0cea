"""Documents and their jobs."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from voicehelper_common import ApiError, Line
from voicehelper_common.errors import explain

from ..failures import Unavailable
from .common import CallerOf, Cursor, Limit, OperatorOf, PartsOf, page, place_of

router = APIRouter(tags=["documents"])
JSON_BYTES = 16 * 2**20
JobStatus = Literal["queued", "running", "done", "failed"]


class TextDocument(BaseModel):
    """A document that is sent as JSON."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    title: Line = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1)


class _Form(BaseModel):
    """What a form says beside its file."""

    model_config = ConfigDict(str_strip_whitespace=True)

    title: Line = Field(max_length=300)
    filename: Line


class Taken(BaseModel):
    """A document that is safe and will be found."""

    document_id: UUID
    job_id: UUID
    status: JobStatus


class Document(BaseModel):
    """A document; `size` in bytes, `chunks`: passages that are found one by one."""

    id: UUID
    title: str
    filename: str
    content_type: str
    size: int
    chunks: int
    status: Literal["queued", "running", "ready", "failed"]
    shared: bool
    created_at: datetime


class Documents(BaseModel):
    """A page of documents, the newest first."""

    documents: list[Document]
    next: str | None


class Job(BaseModel):
    """What is done with a document."""

    id: UUID
    document_id: UUID
    kind: Literal["ingest", "delete"]
    status: JobStatus
    error: str | None
    attempts: int
    created_at: datetime
    updated_at: datetime


class Jobs(BaseModel):
    """A page of jobs, the newest first."""

    jobs: list[Job]
    next: str | None


class Stats(BaseModel):
    """How much there is."""

    documents: int
    chunks: int
    conversations: int
    users: int
    jobs: dict[JobStatus, int]
    index: dict[str, Any] | None


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}, "title": {"type": "string", "maxLength": 300}},
                }
            },
            "application/json": {"schema": TextDocument.model_json_schema()},
        },
    }
}


@router.post("/ingest", status_code=202, response_model=Taken, openapi_extra=_BODY)
async def ingest(request: Request, parts: PartsOf, caller: CallerOf) -> Any:
    """Take a document: text in UTF-8, Markdown, HTML, PDF or a zip of these. It is safe when this answers; its job says more."""
    slots: asyncio.Semaphore = request.app.state.__dict__.setdefault("uploads", asyncio.Semaphore(parts.settings.uploads_at_once))
    if slots.locked():
        raise ApiError(429, "uploads", f"{parts.settings.uploads_at_once} at work", "fewer at the same time", retry_after=2)
    async with slots:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            return await _from_json(request, parts, caller)
        if kind == "multipart/form-data":
            return await _from_form(request, parts, caller)
        raise ApiError(415, "Content-Type", repr(kind[:80]), "multipart/form-data or application/json")


async def _from_json(request: Request, parts: PartsOf, caller: CallerOf) -> Any:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > JSON_BYTES:
            raise ApiError(413, "body", f"more than {JSON_BYTES} bytes", f"at most {JSON_BYTES} bytes of JSON; larger texts as a file")
    try:
        document = TextDocument.model_validate_json(bytes(body))
    except ValidationError as error:
        raise _invalid(error) from error
    name = f"{document.title[:100].replace('/', '-')}.txt"
    return await parts.intake.take(io.BytesIO(document.text.encode()), name, document.title, caller)


async def _from_form(request: Request, parts: PartsOf, caller: CallerOf) -> Any:
    try:
        form = await request.form(max_files=1, max_fields=4, max_part_size=4096)
    except HTTPException as error:
        if isinstance(error, ApiError):
            raise
        raise ApiError(400, "body", str(error.detail)[:200], "a form with the field `file`, once, and `title`") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(400, "file", "nothing" if file is None else "a text", "a file")
        name = (file.filename or "").replace("\\", "/").rpartition("/")[2][:255]
        try:
            told = _Form.model_validate({"title": form.get("title") or "", "filename": name})
        except ValidationError as error:
            raise _invalid(error) from error
        return await parts.intake.take(file.file, told.filename, told.title, caller)
    finally:
        await form.close()


def _invalid(error: ValidationError) -> ApiError:
    first = explain(error.errors()[0])
    return ApiError(400, first["field"], first["found"], first["wanted"])


@router.get("/documents", response_model=Documents)
async def documents(parts: PartsOf, caller: CallerOf, limit: Limit = 20, cursor: Cursor = None) -> Any:
    """The user's own documents and those that operators share."""
    return page("documents", await parts.records.documents(caller, limit + 1, place_of(cursor)), limit, dict)


@router.get("/documents/{document_id}", response_model=Document)
async def document(document_id: UUID, parts: PartsOf, caller: CallerOf) -> Any:
    """One document."""
    return dict(await _document(document_id, parts, caller))


@router.get("/documents/{document_id}/content", response_class=StreamingResponse)
async def content(document_id: UUID, parts: PartsOf, caller: CallerOf) -> StreamingResponse:
    """The bytes as they came."""
    found = await _document(document_id, parts, caller)
    pieces = parts.blobs.read(document_id)
    try:
        first = await anext(pieces)  # an error still has a status of its own before the answer begins
    except StopAsyncIteration:
        first = b""

    async def body() -> Any:
        yield first
        async for piece in pieces:
            yield piece

    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found['filename'] or 'document')}",
        "Content-Length": str(found["size"]),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(body(), media_type=found["content_type"], headers=headers)


@router.delete("/documents/{document_id}", status_code=204)
async def delete(document_id: UUID, parts: PartsOf, caller: CallerOf) -> Response:
    """Remove a document everywhere. Nobody finds it any more when this answers."""
    if not await parts.intake.remove(document_id, caller):
        raise _absent("document_id", document_id)
    return Response(status_code=204)


@router.get("/jobs", response_model=Jobs)
async def jobs(
    parts: PartsOf, caller: CallerOf, limit: Limit = 20, cursor: Cursor = None, status: Annotated[JobStatus | None, Query()] = None
) -> Any:
    """The user's own jobs; an operator's: all."""
    return page("jobs", await parts.records.jobs(caller, limit + 1, place_of(cursor), status), limit, dict)


@router.get("/jobs/{job_id}", response_model=Job)
async def job(job_id: UUID, parts: PartsOf, caller: CallerOf) -> Any:
    """One job."""
    found = await parts.records.job(job_id, caller)
    if found is None:
        raise _absent("job_id", job_id)
    return dict(found)


@router.get("/stats", response_model=Stats)
async def stats(parts: PartsOf, _: OperatorOf) -> Any:
    """How much there is; `index` is null while faiss-service is away."""
    try:
        index = await parts.models.index()
    except Unavailable:
        index = None
    return await parts.records.counts() | {"conversations": await parts.memory.count(), "index": index}


async def _document(document_id: UUID, parts: PartsOf, caller: CallerOf) -> Any:
    found = await parts.records.document(document_id, caller)
    if found is None:
        raise _absent("document_id", document_id)
    return found


def _absent(field: str, found: UUID) -> ApiError:
    return ApiError(404, field, str(found), "one that this user may see")
