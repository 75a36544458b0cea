"""Search and answers."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from voicehelper_common import ApiError

from ..answers import Answers, Turn
from ..failures import Unavailable
from .common import CallerOf, PartsOf, RequestId

router = APIRouter(tags=["answers"])
PING_SECONDS = 8


class Question(BaseModel):
    """A question; without a conversation it begins one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    query: str = Field(min_length=1, max_length=4000)
    conversation_id: UUID | None = None
    top_k: int = Field(5, ge=1, le=20)


class Search(BaseModel):
    """What to look for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    query: str = Field(min_length=1, max_length=4000)
    top_k: int = Field(10, ge=1, le=100)


class Source(BaseModel):
    """A passage of a document; `score`: 0 to 1, by the places that it has in what was found."""

    document_id: UUID
    chunk_id: str
    title: str
    text: str
    score: float
    metadata: dict[str, Any]


class Found(BaseModel):
    """What was found, the best first; `processing_time` in seconds."""

    results: list[Source]
    processing_time: float


class Answer(BaseModel):
    """An answer as a whole."""

    request_id: str
    conversation_id: UUID
    message_id: UUID
    answer: str
    sources: list[Source]
    finish_reason: Literal["stop", "length"]
    usage: dict[str, int]


_STREAM = {
    200: {
        "model": Answer,
        "content": {"text/event-stream": {"schema": {"type": "string", "description": "events sources, token…, then done or error"}}},
    }
}


@router.post("/search", response_model=Found)
async def search(asked: Search, parts: PartsOf, caller: CallerOf) -> Any:
    """Passages for a question: by meaning, by words, and by what both name."""
    began = time.perf_counter()
    results = await parts.answers.search(asked.query, caller, asked.top_k)
    return {"results": results, "processing_time": round(time.perf_counter() - began, 4)}


@router.post("/query", response_model=None, responses=_STREAM)
async def query(
    asked: Question, parts: PartsOf, caller: CallerOf, request_id: RequestId, accept: Annotated[str, Header()] = "text/event-stream"
) -> Any:
    """Answer a question from documents, as server-sent events or, with `Accept: application/json`, as a whole."""
    turn = await parts.answers.prepare(asked.query, caller, asked.conversation_id, asked.top_k, request_id)
    if "application/json" in accept and "text/event-stream" not in accept:
        answer = "".join([piece async for piece in parts.answers.stream(turn)])
        return _ids(turn) | {"answer": answer, "sources": turn.sources} | _end(turn)
    return EventSourceResponse(events(parts.answers, turn), ping=PING_SECONDS, headers={"X-Accel-Buffering": "no"})


async def events(answers: Answers, turn: Turn) -> AsyncIterator[ServerSentEvent]:
    """The events of an answer: `sources`, any number of `token`, and either `done` or `error`. Closing it stops the model."""
    yield _event("sources", {"request_id": turn.request_id, "conversation_id": str(turn.conversation_id), "sources": turn.sources})
    pieces = answers.stream(turn)
    try:
        async for piece in pieces:
            yield _event("token", {"text": piece})
        yield _event("done", _ids(turn) | _end(turn))
    except Unavailable as error:
        yield _event("error", error.as_error().body)
    except ApiError as error:
        yield _event("error", error.body)
    finally:
        await pieces.aclose()


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name)


def _ids(turn: Turn) -> dict[str, str]:
    return {"request_id": turn.request_id, "conversation_id": str(turn.conversation_id), "message_id": turn.message_id}


def _end(turn: Turn) -> dict[str, Any]:
    return {"finish_reason": turn.generation.finish_reason, "usage": turn.generation.usage}
