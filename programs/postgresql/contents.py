"""What the databases hold, the same way in the live cluster and in a restored copy."""

from __future__ import annotations

from typing import Any

import psycopg2

from programs.archive import Contents, fingerprint

Connection = Any  # psycopg2's own says little of its types

# A row is compared as text, so everything that decides how values are written is fixed.
OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "datestyle=ISO",
        "intervalstyle=postgres",
        "timezone=UTC",
        "extra_float_digits=1",
        "bytea_output=hex",
        "xmlbinary=base64",
        "lc_monetary=C",
        "row_security=off",
        "statement_timeout=0",
    )
)
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
_TABLES = """
SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence = 'p' AND nspname <> 'information_schema' AND nspname !~ '^pg_' ORDER BY 1
"""
# Sums do not depend on the order of rows; two hashes with different seeds make 128 bits.
_FINGERPRINT = """
SELECT count(*), coalesce(sum(hashtextextended((t.*)::text, 0)), 0), coalesce(sum(hashtextextended((t.*)::text, 1)), 0)
FROM ONLY {table} t
"""


def connect(database: str) -> Connection:
    """A connection that is as the environment says otherwise."""
    return psycopg2.connect(dbname=database, options=OPTIONS)


def query(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def databases(connection: Connection) -> list[str]:
    """Names of the databases that may hold something."""
    return [name for (name,) in query(connection, _DATABASES)]


def tables(connection: Connection) -> list[str]:
    """Tables that outlive a crash, quoted for SQL."""
    return [name for (name,) in query(connection, _TABLES)]


def contents(connection: Connection, database: str) -> Contents:
    """{what: {count, digest}} of one database, as the connection's snapshot sees it."""
    names = tables(connection)
    found: Contents = {f"tables of {database}": fingerprint(names)}
    for name in names:
        ((count, low, high),) = query(connection, _FINGERPRINT.format(table=name))
        found[f"table {name} of {database}"] = {"count": count, "digest": _digest(low, high)}
    return found


def _digest(low: Any, high: Any) -> str:
    return f"{int(high) % 2**64:016x}{int(low) % 2**64:016x}"
