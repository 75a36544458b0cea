"""Users, and whether a name and a password belong together."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from voicehelper_common import ApiError, Line

from .common import CallerOf, Cursor, Limit, OperatorOf, PartsOf, page, place_of

router = APIRouter(tags=["users"])
Role = Literal["user", "operator"]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.@+-]+$")]
Password = Annotated[str, Field(min_length=10, max_length=256)]


class Login(BaseModel):
    """What somebody signs in with."""

    model_config = ConfigDict(extra="forbid")

    username: Line = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})


class Verified(BaseModel):
    """Who signed in."""

    user_id: UUID
    username: str
    role: Role


class Active(BaseModel):
    """Who may work."""

    user_id: UUID
    role: Role


class User(BaseModel):
    """A user as operators see it."""

    id: UUID
    username: str
    role: Role
    created_at: datetime
    disabled: bool


class UserPage(BaseModel):
    """A page of users, the newest first."""

    users: list[User]
    next: str | None


class NewUser(BaseModel):
    """A user to be made."""

    model_config = ConfigDict(extra="forbid")

    username: Name
    password: Password
    role: Role


class Change(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    password: Password | None = None
    role: Role | None = None
    disabled: bool | None = None


@router.post("/auth/verify", response_model=Verified)
async def verify(login: Login, parts: PartsOf) -> Any:
    """Whether a name and a password belong together. An unknown name and a wrong password look alike, and take as long."""
    user = await parts.users.verify(login.username, login.password)
    if user is None:
        raise ApiError(401, "username", "no such user with this password", "the name and password of a user")
    return {"user_id": user["id"], "username": user["username"], "role": user["role"]}


@router.get("/auth/user", response_model=Active)
async def who(caller: CallerOf) -> Any:
    """Whether who asks may still work: for a gateway whose other backends know no users, and whose tokens outlive these."""
    return {"user_id": caller.user_id, "role": "operator" if caller.operator else "user"}


@router.get("/users", response_model=UserPage)
async def users(parts: PartsOf, _: OperatorOf, limit: Limit = 20, cursor: Cursor = None) -> Any:
    """All users."""
    return page("users", await parts.users.page(limit + 1, place_of(cursor)), limit, dict)


@router.post("/users", status_code=201, response_model=User)
async def add(new: NewUser, parts: PartsOf, _: OperatorOf) -> Any:
    """Make a user."""
    user = await parts.users.add(new.username, new.password, new.role)
    if user is None:
        raise ApiError(409, "username", f"{new.username!r}, which is taken", "a name that nobody has")
    return dict(user)


@router.patch("/users/{user_id}", response_model=User)
async def change(user_id: UUID, changes: Change, parts: PartsOf, operator: OperatorOf) -> Any:
    """Change a user's password, role, or whether they may sign in."""
    if user_id == operator.user_id and (changes.disabled or changes.role == "user"):
        raise ApiError(409, "user_id", "the operator who asks", "another user: nobody locks themselves out")
    user = await parts.users.change(user_id, changes.model_dump(exclude_none=True))
    if user is None:
        raise ApiError(404, "user_id", str(user_id), "a user")
    return dict(user)


@router.delete("/users/{user_id}", status_code=204)
async def remove(user_id: UUID, parts: PartsOf, operator: OperatorOf) -> Response:
    """Remove a user."""
    if user_id == operator.user_id:
        raise ApiError(409, "user_id", "the operator who asks", "another user: nobody locks themselves out")
    if not await parts.users.remove(user_id):
        raise ApiError(404, "user_id", str(user_id), "a user")
    return Response(status_code=204)
