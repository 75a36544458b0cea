"""Neo4j: which chunk of which document names which entity."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from neo4j import AsyncGraphDatabase, NotificationMinimumSeverity
from neo4j.exceptions import DriverError, Neo4jError

from .chunking import Chunk
from .entities import entities, key
from .failures import calling
from .settings import AlgoSettings

_ADD = """
MERGE (d:Document {id: $document}) SET d.title = $title, d.owner = $owner, d.shared = $shared
WITH d UNWIND $chunks AS row
MERGE (c:Chunk {id: row.id}) SET c.number = row.number, c.text = row.text
MERGE (d)-[:HAS_CHUNK]->(c)
WITH c, row
OPTIONAL MATCH (c)-[old:MENTIONS]->(e:Entity) WHERE NOT e.id IN row.keys
DELETE old
WITH DISTINCT c, row UNWIND row.entities AS named
MERGE (e:Entity {id: named.key}) ON CREATE SET e.name = named.name
MERGE (c)-[:MENTIONS]->(e)
"""
_REMOVE = """
MATCH (d:Document {id: $document}) OPTIONAL MATCH (d)-[:HAS_CHUNK]->(c:Chunk)
OPTIONAL MATCH (c)-[:MENTIONS]->(e:Entity)
WITH d, collect(DISTINCT c) AS chunks, collect(DISTINCT e) AS named
FOREACH (c IN chunks | DETACH DELETE c) DETACH DELETE d
WITH named UNWIND named AS e
WITH e WHERE NOT EXISTS { (e)<-[:MENTIONS]-() }
DELETE e
"""
# An entity that half of all chunks name says little: it counts by how few name it.
_RELATED = """
MATCH (e:Entity) WHERE e.id IN $keys
   OR EXISTS { MATCH (h:Chunk)-[:MENTIONS]->(e) WHERE h.id IN $hits }
WITH e, e.id IN $keys AS asked, COUNT { (e)<-[:MENTIONS]-() } AS degree ORDER BY asked DESC, degree LIMIT 30
WITH e, (CASE WHEN asked THEN 2.0 ELSE 1.0 END) / (1 + log(degree + 1)) AS weight
CALL (e) { MATCH (e)<-[:MENTIONS]-(c:Chunk)<-[:HAS_CHUNK]-(d:Document) WHERE d.shared OR d.owner = $owner OR $operator RETURN c LIMIT 200 }
RETURN c.id AS id, sum(weight) AS weight ORDER BY weight DESC, id LIMIT $most
"""


def _asking() -> AbstractContextManager[None]:
    return calling("neo4j", Neo4jError, DriverError)


class Graph:
    """The graph of what documents speak of. Use as an async context manager; its errors come as `Unavailable`."""

    def __init__(self, settings: AlgoSettings) -> None:
        self._database = settings.neo4j_database
        self._driver = AsyncGraphDatabase.driver(
            settings.neo4j_uri,
            auth=(settings.neo4j_user, settings.neo4j_password.get_secret_value()),
            max_connection_pool_size=8,
            connection_timeout=5,
            connection_acquisition_timeout=10,
            max_transaction_retry_time=10,
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        )

    async def __aenter__(self) -> Graph:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._driver.close()

    async def add(self, document: Any, chunks: Sequence[Chunk]) -> None:
        """Have these chunks of a document (a row of `documents`) and what they name in the graph; the same again changes nothing."""
        rows = []
        for chunk in chunks:
            named = {key(name): name for name in entities(chunk.text)}
            rows.append(
                {
                    "id": f"{document['id']}:{chunk.number}",
                    "number": chunk.number,
                    "text": chunk.text,
                    "keys": list(named),
                    "entities": [{"key": of, "name": name} for of, name in named.items()],
                }
            )
        of = {"document": str(document["id"]), "title": document["title"], "owner": str(document["owner"]), "shared": document["shared"]}
        with _asking():
            await self._driver.execute_query(_ADD, of | {"chunks": rows}, database_=self._database)

    async def related(self, query: str, hits: Sequence[str], owner: UUID, operator: bool, most: int) -> list[str]:
        """Ids of up to `most` chunks that name what the question names, or what the chunks `hits` name; the closest first."""
        asked = {
            "keys": [key(name) for name in entities(query)],
            "hits": list(hits),
            "owner": str(owner),
            "operator": operator,
            "most": most,
        }
        with _asking():
            found = await self._driver.execute_query(_RELATED, asked, database_=self._database, routing_="r")
        return [record["id"] for record in found.records]

    async def remove(self, document_id: UUID) -> None:
        """Remove a document, its chunks, and what nothing names any more."""
        with _asking():
            await self._driver.execute_query(_REMOVE, {"document": str(document_id)}, database_=self._database)
