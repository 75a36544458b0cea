"""A graph of Neo4j as a file and back, and the fingerprints of what such a file holds.

A line of the file is a list: ["schema", statement], ["node", id, labels, properties] or ["relationship", type, from, to, properties], with
properties as [name, type, value]. Dates and times are texts by the server's own hand, since no driver keeps all of them.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import neo4j
from neo4j.exceptions import ClientError, DriverError, TransientError
from neo4j.spatial import CartesianPoint, Point, WGS84Point
from neo4j.time import Duration

from programs.archive import Contents, fingerprint
from programs.waiting import until

T = TypeVar("T")
BATCH = 500
EQUIVALENT = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"
_PROPERTIES = """[k IN keys(e) | [k, valueType(e[k]), CASE
  WHEN NOT valueType(e[k]) =~ '.*(DATE|TIME).*' THEN e[k]
  WHEN valueType(e[k]) STARTS WITH 'LIST' THEN [x IN e[k] | toString(x)]
  ELSE toString(e[k]) END]]"""
NODES = f"MATCH (e) RETURN 'node', elementId(e), labels(e), {_PROPERTIES}"
RELATIONSHIPS = f"MATCH (a)-[e]->(b) RETURN 'relationship', type(e), elementId(a), elementId(b), {_PROPERTIES}"
SCHEMA = [
    "SHOW CONSTRAINTS YIELD name, createStatement RETURN 'schema', createStatement",
    "SHOW INDEXES YIELD type, owningConstraint, createStatement WHERE owningConstraint IS NULL AND type <> 'LOOKUP' "
    "RETURN 'schema', createStatement",
]
# The inverse of _PROPERTIES; a property that is no date or time comes as it is.
_TIMES = {"DATE": "date", "LOCAL TIME": "localtime", "ZONED TIME": "time", "LOCAL DATETIME": "localdatetime", "ZONED DATETIME": "datetime"}
_CASES = " ".join(f"WHEN '{kind}' THEN [x IN t.values | {function}(x)]" for kind, function in _TIMES.items())
_SET = f"SET e += row.plain FOREACH (t IN row.times | SET e[t.name] = CASE t.kind {_CASES} END) "
_SET += "FOREACH (t IN [t IN row.times WHERE t.single] | SET e[t.name] = head(e[t.name]))"
LOAD_NODES = f"UNWIND $rows AS row CREATE (e:$(row.labels)) {_SET} RETURN row.id, elementId(e)"
LOAD_RELATIONSHIPS = (
    f"UNWIND $rows AS row MATCH (a), (b) WHERE elementId(a) = row.a AND elementId(b) = row.b CREATE (a)-[e:$(row.type)]->(b) {_SET}"
)


def account() -> tuple[str, str] | None:
    """User and password, where the environment names any."""
    user = os.environ.get("NEO4J_USER")
    return (user, os.environ["NEO4J_PASSWORD"]) if user else None


def connect() -> neo4j.Driver:
    """The server that the environment names."""
    return neo4j.GraphDatabase.driver(os.environ["NEO4J_URI"], auth=account())


def wait(driver: neo4j.Driver, seconds: float) -> None:
    """Until it serves.

    :raises DriverError: it does not in this time.
    """
    until(lambda: driver.verify_connectivity() or True, seconds, pause=2, faults=(DriverError, TransientError))


def moment(driver: neo4j.Driver, database: str) -> list[str]:
    """What the last transaction of the database was, as a text that changes with the next one."""
    with driver.session(database=database) as session:
        session.run("RETURN 1").consume()
        return sorted(session.last_bookmarks().raw_values)


def export(driver: neo4j.Driver, database: str, path: Path) -> int:
    """Write the graph; relationships first, so that what is removed meanwhile leaves at most nodes alone. Gives how many lines."""
    count = 0
    with gzip.open(path, "wt", compresslevel=4) as sink, driver.session(database=database, fetch_size=BATCH) as session:
        for query in [*SCHEMA, RELATIONSHIPS, NODES]:
            for record in session.run(query):
                sink.write(json.dumps([_pack(value) for value in record.values()], ensure_ascii=False) + "\n")
                count += 1
    return count


def lines(path: Path, kind: str) -> Iterator[list[Any]]:
    """The lines of one kind, without its name."""
    with gzip.open(path, "rt") as source:
        yield from (line[1:] for line in map(json.loads, source) if line[0] == kind)


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of some items each."""
    items = iter(items)
    while found := list(islice(items, BATCH)):
        yield found


def load(driver: neo4j.Driver, database: str, path: Path) -> None:
    """Fill an empty database; constraints and indexes that are there already stay."""
    made: dict[str, str] = {}
    for rows in batches(lines(path, "node")):
        wanted = [{"id": known, "labels": labels, **_split(properties)} for known, labels, properties in rows]
        made |= dict(record.values() for record in driver.execute_query(LOAD_NODES, rows=wanted, database_=database).records)
    for rows in batches(lines(path, "relationship")):
        wanted = [{"type": kind, "a": made.get(a), "b": made.get(b), **_split(properties)} for kind, a, b, properties in rows]
        driver.execute_query(LOAD_RELATIONSHIPS, rows=wanted, database_=database)
    for (statement,) in lines(path, "schema"):
        try:
            driver.execute_query(statement, database_=database)
        except ClientError as error:
            if error.code != EQUIVALENT:
                raise


def contents(path: Path) -> Contents:
    """Fingerprints of the nodes of every combination of labels, of the relationships of every type, and of the schema."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    known: dict[str, str] = {}
    for name, labels, properties in lines(path, "node"):
        digest = fingerprint([json.dumps([sorted(labels), sorted(properties)])])["digest"]
        known[name] = digest
        texts[f"nodes {':'.join(sorted(labels)) or 'without a label'}"].append(digest)
    for kind, a, b, properties in lines(path, "relationship"):
        if a in known and b in known:
            texts[f"relationships {kind}"].append(json.dumps([known[a], known[b], sorted(properties)]))
    texts["constraints and indexes"] = [statement for (statement,) in lines(path, "schema")]
    return {what: fingerprint(found) for what, found in texts.items()}


def _pack(value: Any) -> Any:
    """What JSON has of a value; lists of floats, such as embeddings, become short texts."""
    if isinstance(value, list):
        if value and all(type(item) is float for item in value):
            return {"floats": base64.b64encode(array("d", value).tobytes()).decode()}
        return [_pack(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Point):
        return {"point": [value.srid, *value]}
    if isinstance(value, Duration):
        return {"duration": [value.months, value.days, value.seconds, value.nanoseconds]}
    raise TypeError(f"a value of type {type(value).__name__} cannot be kept")


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "floats":
        return array("d", base64.b64decode(content)).tolist()
    if kind == "bytes":
        return base64.b64decode(content)
    if kind == "point":
        return (WGS84Point if content[0] in (4326, 4979) else CartesianPoint)(content[1:])
    return Duration(**dict(zip(("months", "days", "seconds", "nanoseconds"), content, strict=True)))


def _split(properties: list[list[Any]]) -> dict[str, Any]:
    """Properties that the driver sets as they are, and those that the server reads from texts."""
    plain: dict[str, Any] = {}
    times: list[dict[str, Any]] = []
    for name, kind, value in properties:
        found = next((word for word in _TIMES if kind.removeprefix("LIST<").startswith(word)), None) if value != [] else None
        if found:
            single = not isinstance(value, list)
            times.append({"name": name, "kind": found, "single": single, "values": [value] if single else value})
        else:
            plain[name] = _unpack(value)
    return {"plain": plain, "times": times}
