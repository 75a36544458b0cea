"""Redis: conversations, and embeddings of questions that were asked before."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID, uuid4

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from .failures import calling
from .settings import AlgoSettings

_PREFIX = "voicehelper:algo"
_MOST_MESSAGES = 400
_MOST_CONVERSATIONS = 500  # of one user
_CACHE_SECONDS = 3600


def _asking() -> AbstractContextManager[None]:
    return calling("redis", RedisError)


class Memory:
    """Keys of a conversation and of one user lie in one slot each. Use as an async context manager; its errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        kind = RedisCluster if settings.redis_cluster else Redis
        options: dict[str, Any] = {} if settings.redis_cluster else {"retry": Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 3)}
        self._redis: Any = kind(
            host=settings.redis_host,
            port=settings.redis_port,
            username=settings.redis_user,
            password=settings.redis_password.get_secret_value(),
            socket_timeout=5,
            socket_connect_timeout=3,
            ssl=settings.redis_tls,  # it trusts what SSL_CERT_FILE holds
            decode_responses=True,
            **options,
        )
        self._kept_seconds = settings.conversation_days * 86400

    async def __aenter__(self) -> Memory:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        """One write that a primary took.

        Raises:
            Unavailable: it did not.
        """
        with _asking():
            await self._redis.set(f"{_PREFIX}:ping", time.time(), ex=60)

    async def conversations(self, owner: UUID, limit: int, before: float) -> list[dict[str, Any]]:
        """Up to `limit` conversations of a user, the newest first, changed before the Unix time `before`."""
        with _asking():
            ids = await self._redis.zrange(_of(owner), f"({before}", "-inf", desc=True, byscore=True, offset=0, num=limit)
            found = [await self._conversation(UUID(each)) for each in ids]
        return [conversation for conversation in found if conversation]

    async def conversation(self, conversation_id: UUID, owner: UUID) -> dict[str, Any] | None:
        """A user's conversation with its messages; None where the user has no such one."""
        with _asking():
            found = await self._conversation(conversation_id)
            if not found or found.pop("owner") != str(owner):
                return None
            messages = await self._redis.lrange(_messages(conversation_id), 0, -1)
        return found | {"messages": [json.loads(message) for message in messages]}

    async def history(self, conversation_id: UUID, owner: UUID, most: int) -> list[dict[str, Any]] | None:
        """The last messages of a user's conversation, the oldest first; None where the user has no such one."""
        with _asking():
            if await self._redis.hget(_meta(conversation_id), "owner") != str(owner):
                return None
            return [json.loads(message) for message in await self._redis.lrange(_messages(conversation_id), -most, -1)]

    async def say(self, conversation_id: UUID, owner: UUID, messages: Sequence[dict[str, Any]]) -> None:
        """Add messages to a conversation, which begins with its first ones."""
        now = time.time()
        with _asking():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hsetnx(_meta(conversation_id), "title", messages[0]["content"][:80])
                pipeline.hsetnx(_meta(conversation_id), "created_at", now)
                pipeline.hset(_meta(conversation_id), mapping={"owner": str(owner), "updated_at": now})
                pipeline.rpush(_messages(conversation_id), *(json.dumps(message, ensure_ascii=False) for message in messages))
                pipeline.ltrim(_messages(conversation_id), -_MOST_MESSAGES, -1)
                pipeline.expire(_meta(conversation_id), self._kept_seconds)  # also of users who never come again
                pipeline.expire(_messages(conversation_id), self._kept_seconds)
                await pipeline.execute()
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.zadd(_of(owner), {str(conversation_id): now})
                pipeline.expire(_of(owner), self._kept_seconds)
                await pipeline.execute()
            await self._redis.zadd(_EVERY, {str(conversation_id): now})
            await self._redis.zremrangebyscore(_EVERY, "-inf", f"({now - self._kept_seconds}")
            await self._drop_old(owner, now)

    async def forget(self, conversation_id: UUID, owner: UUID) -> bool:
        """Remove a user's conversation; whether there was one."""
        with _asking():
            if await self._redis.hget(_meta(conversation_id), "owner") != str(owner):
                return False
            await self._remove(owner, [str(conversation_id)])
            return True

    async def count(self) -> int:
        """How many conversations there are."""
        with _asking():
            return await self._redis.zcount(_EVERY, time.time() - self._kept_seconds, "+inf")

    async def embedding(self, model: str, text: str) -> list[float] | None:
        """The embedding of a text by a model, where it is still known."""
        with _asking():
            found = await self._redis.get(_cache(model, text))
        return json.loads(found) if found else None

    async def keep_embedding(self, model: str, text: str, vector: list[float]) -> None:
        """Know the embedding of a text for a while."""
        with _asking():
            await self._redis.set(_cache(model, text), json.dumps(vector), ex=_CACHE_SECONDS)

    async def _conversation(self, conversation_id: UUID) -> dict[str, Any] | None:
        found = await self._redis.hgetall(_meta(conversation_id))
        if "owner" not in found:
            return None
        return {
            "id": str(conversation_id),
            "owner": found["owner"],
            "title": found.get("title", ""),
            "created_at": float(found["created_at"]),
            "updated_at": float(found["updated_at"]),
            "message_count": await self._redis.llen(_messages(conversation_id)),
        }

    async def _drop_old(self, owner: UUID, now: float) -> None:
        old = await self._redis.zrange(_of(owner), "-inf", f"({now - self._kept_seconds}", byscore=True, offset=0, num=100)
        many = await self._redis.zrange(_of(owner), 0, -_MOST_CONVERSATIONS - 1)
        if gone := {*old, *many}:
            await self._remove(owner, sorted(gone))

    async def _remove(self, owner: UUID, ids: Sequence[str]) -> None:
        for each in ids:
            await self._redis.delete(_meta(UUID(each)), _messages(UUID(each)))
        await self._redis.zrem(_of(owner), *ids)
        await self._redis.zrem(_EVERY, *ids)


_EVERY = f"{_PREFIX}:conversations"


def _of(owner: UUID) -> str:
    return f"{_PREFIX}:conversations:{owner}"


def _meta(conversation_id: UUID) -> str:
    return f"{_PREFIX}:{{{conversation_id}}}:meta"


def _messages(conversation_id: UUID) -> str:
    return f"{_PREFIX}:{{{conversation_id}}}:messages"


def _cache(model: str, text: str) -> str:
    digest = hashlib.sha256(f"{model}\n{text}".encode()).hexdigest()
    return f"{_PREFIX}:embedding:{digest}"


def new_message(role: str, content: str, sources: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """A message of a conversation with an id of its own and the time, as Unix seconds."""
    return {"id": str(uuid4()), "role": role, "content": content, "sources": list(sources), "created_at": time.time()}
