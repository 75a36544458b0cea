"""PostgreSQL: a pool of connections, and the schema by versions."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from importlib import resources

import asyncpg

from .failures import calling
from .settings import AlgoSettings

_log = logging.getLogger(__name__)
SCHEMA = "algo"
MIGRATION_LOCK = 0x616C676F  # any number that nobody else takes


def make_pool(settings: AlgoSettings) -> asyncpg.Pool:
    """A pool that is opened by its first `await` (or `async with`) and connects when somebody asks."""
    return asyncpg.create_pool(
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.postgres_db,
        user=settings.postgres_user,
        password=settings.postgres_password.get_secret_value(),
        ssl=settings.trust() if settings.postgres_tls else False,
        min_size=0,
        max_size=settings.postgres_pool,
        timeout=5,
        command_timeout=20,
        target_session_attrs="read-write",  # right after a failover the name may still lead to a reader
        server_settings={"search_path": SCHEMA, "application_name": "algo-service"},
    )


def asking() -> AbstractContextManager[None]:
    """Around every use of the database: its errors become `Unavailable`."""
    return calling("postgresql", asyncpg.PostgresError, asyncpg.InterfaceError)


async def migrate(pool: asyncpg.Pool) -> int:
    """Bring the schema to this program's version; gives the version. Several processes may ask at once: one does it, the others wait.

    Raises:
        RuntimeError: the schema is newer than this program.
        asyncpg.PostgresError, OSError: PostgreSQL refuses or is away.
    """
    files = sorted(
        (path for path in resources.files(__package__).joinpath("migrations").iterdir() if path.name.endswith(".sql")),
        key=lambda path: path.name,
    )
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS versions (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        present = await connection.fetchval("SELECT coalesce(max(version), 0) FROM versions")
        if present > len(files):
            raise RuntimeError(f"the database has version {present} of the schema, this program knows {len(files)}")
        for version, file in enumerate(files[present:], present + 1):
            await connection.execute(file.read_text())
            await connection.execute("INSERT INTO versions (version) VALUES ($1)", version)
            _log.info("Schema brought to version %s", version)
    return len(files)
