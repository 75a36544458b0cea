"""Users: their names, roles and passwords."""

from __future__ import annotations

import asyncio
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .database import asking

Role = Literal["user", "operator"]
_COLUMNS = "id, username, role, created_at, disabled"


class Users:
    """The table `users`. Errors of the database come as `Unavailable`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # OWASP's: 19 MiB each, so one at a time
        self._hashing = asyncio.Semaphore(1)
        self._nobody = self._hasher.hash("nobody")  # so that an unknown name takes as long as a wrong password

    async def verify(self, username: str, password: str) -> asyncpg.Record | None:
        """The user of that name and password, or None: unknown, wrong or disabled."""
        with asking():
            user = await self._pool.fetchrow(f"SELECT {_COLUMNS}, password_hash FROM users WHERE username = $1", username)
        good = await self._matches(user["password_hash"] if user else self._nobody, password)
        return user if user and good and not user["disabled"] else None

    async def active(self, user_id: UUID) -> str | None:
        """The role of a user who may work, or None."""
        with asking():
            return await self._pool.fetchval("SELECT role FROM users WHERE id = $1 AND NOT disabled", user_id)

    async def page(self, limit: int, after: int) -> list[asyncpg.Record]:
        """Up to `limit` users, newest first, before the place `after`."""
        with asking():
            return await self._pool.fetch(
                f"SELECT place, {_COLUMNS} FROM users WHERE place < $2 ORDER BY place DESC LIMIT $1", limit, after
            )

    async def add(self, username: str, password: str, role: Role) -> asyncpg.Record | None:
        """A new user; None where the name is taken."""
        hashed = await self._hash(password)
        with asking():
            return await self._pool.fetchrow(
                "INSERT INTO users (id, username, password_hash, role) VALUES ($1, $2, $3, $4)"
                f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
                uuid4(),
                username,
                hashed,
                role,
            )

    async def change(self, user_id: UUID, changes: dict[str, Any]) -> asyncpg.Record | None:
        """A user with another `password`, `role` or `disabled`; None where there is no such user."""
        hashed = await self._hash(changes["password"]) if changes.get("password") else None
        with asking():
            return await self._pool.fetchrow(
                "UPDATE users SET password_hash = coalesce($2, password_hash), role = coalesce($3, role), disabled = coalesce($4, disabled)"
                f" WHERE id = $1 RETURNING {_COLUMNS}",
                user_id,
                hashed,
                changes.get("role"),
                changes.get("disabled"),
            )

    async def remove(self, user_id: UUID) -> bool:
        """Remove a user; their documents stay. Whether there was one."""
        with asking():
            return await self._pool.fetchval("DELETE FROM users WHERE id = $1 RETURNING true", user_id) or False

    async def keep_operator(self, username: str, password: str) -> None:
        """Make the operator that a site declares, and bring its password to what is declared."""
        user = await self._pool.fetchrow("SELECT id, password_hash FROM users WHERE username = $1", username)
        if user is None:
            await self.add(username, password, "operator")
        elif not await self._matches(user["password_hash"], password):
            await self.change(user["id"], {"password": password})

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _matches(self, hashed: str, password: str) -> bool:
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, hashed, password)
            except (VerificationError, InvalidHashError):
                return False
