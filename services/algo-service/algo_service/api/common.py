"""Who asks, and how lists are paged."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Header, Query
from fastapi.requests import HTTPConnection

from voicehelper_common import ApiError

from ..parts import Parts
from ..records import Caller

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_FIRST = 2**63 - 1


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the running service."""
    return connection.app.state.parts


PartsOf = Annotated[Parts, Depends(parts_of)]


async def caller_of(parts: PartsOf, x_user_id: Annotated[str, Header()] = "") -> Caller:
    """The user that the gateway vouches for. The role is what the database says now, not what a token said a day ago.

    Raises:
        ApiError: 401 nobody, or a user who was removed or disabled.
    """
    try:
        user_id = UUID(x_user_id)
    except ValueError as error:
        raise ApiError(401, "X-User-Id", "no user" if not x_user_id else "no UUID", "the id of a signed-in user") from error
    role = await parts.users.active(user_id)
    if role is None:
        raise ApiError(401, "X-User-Id", "a user who may not work any more", "the id of a signed-in user")
    return Caller(user_id, role == "operator")


CallerOf = Annotated[Caller, Depends(caller_of)]


async def operator_of(caller: CallerOf) -> Caller:
    """The caller, who must be an operator.

    Raises:
        ApiError: 403.
    """
    if not caller.operator:
        raise ApiError(403, "X-User-Role", "user", "operator")
    return caller


OperatorOf = Annotated[Caller, Depends(operator_of)]


def request_id_of(x_request_id: Annotated[str, Header()] = "") -> str:
    """The request's id as the gateway gave it, else a new one."""
    return x_request_id if _REQUEST_ID.fullmatch(x_request_id) else str(uuid4())


RequestId = Annotated[str, Depends(request_id_of)]
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=40)]


def place_of(cursor: str | None) -> int:
    """The place that a cursor stands for; without one, that before the first.

    Raises:
        ApiError: 400.
    """
    if cursor is None:
        return _FIRST
    if not cursor.isdecimal() or int(cursor) > _FIRST:
        raise ApiError(400, "cursor", repr(cursor), "`next` of an earlier answer")
    return int(cursor)


def page(name: str, rows: list[Any], limit: int, show: Any) -> dict[str, Any]:
    """Rows as an answer with a cursor for those after them; one more than `limit` was asked for."""
    shown = rows[:limit]
    return {name: [show(row) for row in shown], "next": str(shown[-1]["place"]) if len(rows) > limit else None}


def moment(seconds: float) -> datetime:
    """A Unix time, for an answer."""
    return datetime.fromtimestamp(seconds, UTC)
