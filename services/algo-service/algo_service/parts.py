"""All that the service and its worker are made of, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from voicehelper_common import Lifecycle

from .answers import Answers
from .blobs import Blobs
from .database import asking, make_pool, migrate
from .events import Events, Status
from .failures import Unavailable
from .graph import Graph
from .ingest import Intake, Work
from .jobs import Jobs
from .memory import Memory
from .models import Models
from .records import Records
from .settings import AlgoSettings
from .texts import Texts
from .users import Users

_log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Parts:
    """Clients of every system, and what is built of them."""

    settings: AlgoSettings
    pool: asyncpg.Pool
    records: Records
    users: Users
    memory: Memory
    blobs: Blobs
    models: Models
    jobs: Jobs
    intake: Intake
    answers: Answers
    work: Work


@asynccontextmanager
async def open_parts(settings: AlgoSettings) -> AsyncIterator[Parts]:
    """Make all parts. Connections are made when they are needed: whatever is away does not keep the process from its start."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(make_pool(settings))
        records, users = Records(pool), Users(pool)
        memory, blobs = await enter(Memory(settings)), await enter(Blobs(settings))
        texts, graph, models = await enter(Texts(settings)), await enter(Graph(settings)), await enter(Models(settings))
        events, status, jobs = await enter(Events(settings)), await enter(Status(settings)), await enter(Jobs(settings))
        intake = Intake(settings, records, blobs, jobs, status)
        answers = await enter(Answers(settings, records, memory, texts, graph, models))
        work = Work(settings, records, blobs, texts, graph, models, events, status)
        yield Parts(settings, pool, records, users, memory, blobs, models, jobs, intake, answers, work)


@asynccontextmanager
async def watching(parts: Parts, lifecycle: Lifecycle, *needed: str) -> AsyncIterator[None]:
    """Keep the schema, and look every few seconds whether what is `needed` (postgresql, redis) answers: else there is no readiness."""
    reasons = dict.fromkeys(needed, "not asked yet")
    for name in needed:
        lifecycle.require(name, lambda name=name: reasons[name])

    async def look(name: str, ask: Callable[[], Awaitable[object]]) -> None:
        try:
            async with asyncio.timeout(5):
                await ask()
            reasons[name] = ""
        except (Unavailable, TimeoutError) as error:
            reasons[name] = str(error) or "no answer"
        except Exception as error:
            _log.exception("%s is not as it must be", name)
            reasons[name] = f"{type(error).__name__}"

    async def always() -> None:
        migrated = False

        async def database() -> None:
            nonlocal migrated
            with asking():
                if not migrated:
                    await migrate(parts.pool)
                    await _keep_operator(parts)
                    migrated = True
                await parts.pool.fetchval("SELECT 1")

        asks = {"postgresql": database, "redis": parts.memory.ping}
        while True:
            await asyncio.gather(*(look(name, asks[name]) for name in needed))
            await asyncio.sleep(1 if any(reasons.values()) else LOOK_SECONDS)

    task = asyncio.create_task(always())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep_operator(parts: Parts) -> None:
    if password := parts.settings.operator_password.get_secret_value():
        await parts.users.keep_operator(parts.settings.operator_username, password)
