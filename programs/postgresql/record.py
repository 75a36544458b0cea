"""Records what the databases hold at a named point of the write-ahead log, shortly after a backup.

Writers are held for a moment, in which nothing can change: the point is named, and a snapshot is exported that others then read at leisure.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from programs.archive import Archive, Contents
from programs.postgresql.contents import Connection, connect, contents, databases, query, tables
from programs.waiting import until

ATTEMPTS = 20
ARCHIVE_SECONDS = 300


def backup_id() -> str:
    """pgBackRest's name of the backup that was just made."""
    (stanza,) = json.loads(Path("/work/info.json").read_text())
    return stanza["backup"][-1]["label"]


def hold(connection: Connection) -> str:
    """Wait until nobody writes to any table, let nobody begin to, and export that state; its snapshot."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '3s'")
        names = tables(connection)
        connection.commit()  # the snapshot has to begin after the locks are there
        if names:
            cursor.execute(f"LOCK TABLE ONLY {', ONLY '.join(names)} IN SHARE MODE")
    ((snapshot,),) = query(connection, "SELECT pg_export_snapshot()")
    if tables(connection) != names:
        raise errors.UndefinedTable("tables came or went meanwhile")
    return snapshot


def reader(database: str, snapshot: str) -> Connection:
    """A connection that sees what a snapshot saw."""
    connection = connect(database)
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    query(connection, f"SET TRANSACTION SNAPSHOT '{snapshot}'; SELECT 1")
    return connection


def freeze(names: list[str], point: str) -> dict[str, Connection]:
    """Name a point of the log; {database: connection that sees what it held there}."""
    with ExitStack() as stack:
        holders = {}
        for name in names:
            holders[name] = stack.enter_context(closing(connect(name)))
            holders[name].set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
        began = time.monotonic()
        snapshots = {name: hold(holder) for name, holder in holders.items()}
        query(holders["postgres"], f"SELECT pg_create_restore_point('{point}')")
        readers = {name: reader(name, snapshot) for name, snapshot in snapshots.items()}
    print(f"named the point {point}; writers waited for {time.monotonic() - began:.2f} s", flush=True)
    return readers


def frozen(names: list[str], point: str) -> tuple[dict[str, Connection], str]:
    """The same, again as long as somebody holds a table for too long."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return freeze(names, f"{point}_{attempt}"), f"{point}_{attempt}"
        except (errors.LockNotAvailable, errors.UndefinedTable, errors.DeadlockDetected) as error:
            print(f"attempt {attempt}: {str(error).splitlines()[0]}", flush=True)
            time.sleep(3)
    raise SystemExit(f"no moment without writers in {ATTEMPTS} attempts; the backup itself is there")


def await_archive() -> None:
    """Close the current segment of the log and wait until the archive has it."""
    with closing(connect("postgres")) as connection:
        connection.autocommit = True
        ((wanted,),) = query(connection, "SELECT pg_walfile_name(pg_switch_wal())")

        def archived() -> str:
            return query(connection, "SELECT last_archived_wal FROM pg_stat_archiver")[0][0] or ""

        if not until(lambda: archived()[:24] >= wanted, ARCHIVE_SECONDS):
            ((failed,),) = query(connection, "SELECT last_failed_wal FROM pg_stat_archiver")
            raise SystemExit(f"the archive has no {wanted} after {ARCHIVE_SECONDS} s: newest {archived()}, last failed {failed}")
        print(f"the archive has {wanted}", flush=True)


def main() -> None:
    """Freeze, read, wait, record."""
    backup = backup_id()
    with closing(connect("postgres")) as connection:
        names = databases(connection)
    readers, point = frozen(names, f"contents_{backup}")
    found: Contents = {}
    for name, connection in readers.items():
        with closing(connection):
            found |= contents(connection, name)
    await_archive()
    archive = Archive("contents/")
    Path("/work/point").write_text(point)
    archive.put(backup, "point", "/work/point")
    archive.finish(backup, found)


if __name__ == "__main__":
    try:
        main()
    except psycopg2.Error as error:
        raise SystemExit(f"PostgreSQL: {error}") from error
