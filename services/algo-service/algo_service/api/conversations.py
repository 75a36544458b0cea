"""A user's conversations."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from voicehelper_common import ApiError

from .common import CallerOf, Cursor, Limit, PartsOf, moment
from .query import Source

router = APIRouter(tags=["conversations"])


class Summary(BaseModel):
    """A conversation; `messages`: how many."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime
    messages: int


class Summaries(BaseModel):
    """A page of conversations, the newest first."""

    conversations: list[Summary]
    next: str | None


class Message(BaseModel):
    """What was asked or answered."""

    id: UUID
    role: Literal["user", "assistant"]
    content: str
    sources: list[Source]
    created_at: datetime


class Conversation(BaseModel):
    """A conversation with all that was said."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime
    messages: list[Message]


def _shown(found: dict[str, Any], messages: Any) -> dict[str, Any]:
    times = {name: moment(found[name]) for name in ("created_at", "updated_at")}
    return {"id": found["id"], "title": found["title"], "messages": messages} | times


@router.get("/conversations", response_model=Summaries)
async def conversations(parts: PartsOf, caller: CallerOf, limit: Limit = 20, cursor: Cursor = None) -> Any:
    """The user's conversations."""
    try:
        before = math.inf if cursor is None else float(cursor)
    except ValueError:
        before = math.nan
    if cursor is not None and not math.isfinite(before):
        raise ApiError(400, "cursor", repr(cursor), "`next` of an earlier answer")
    found = await parts.memory.conversations(caller.user_id, limit + 1, before)
    shown = found[:limit]
    after = repr(shown[-1]["updated_at"]) if len(found) > limit else None
    return {"conversations": [_shown(each, each["message_count"]) for each in shown], "next": after}


@router.get("/conversations/{conversation_id}", response_model=Conversation)
async def conversation(conversation_id: UUID, parts: PartsOf, caller: CallerOf) -> Any:
    """One conversation of the user's."""
    found = await parts.memory.conversation(conversation_id, caller.user_id)
    if found is None:
        raise _absent(conversation_id)
    return _shown(found, [message | {"created_at": moment(message["created_at"])} for message in found["messages"]])


@router.delete("/conversations/{conversation_id}", status_code=204)
async def forget(conversation_id: UUID, parts: PartsOf, caller: CallerOf) -> Response:
    """Remove a conversation."""
    if not await parts.memory.forget(conversation_id, caller.user_id):
        raise _absent(conversation_id)
    return Response(status_code=204)


def _absent(found: UUID) -> ApiError:
    return ApiError(404, "conversation_id", str(found), "a conversation of this user")
