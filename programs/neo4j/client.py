"""A client of Neo4j, for verification, at URI as NEO4J_USER with NEO4J_PASSWORD.

`write-read` and `schema` go where the server sends them; `direct` and `plaintext` write through the service itself, with and without TLS.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from programs import client
from programs.neo4j.graph import account


def connect(scheme: str) -> neo4j.Driver:
    """A driver that does not try again, which is for the script to do."""
    uri = f"{scheme}://{os.environ['URI'].partition('://')[2]}"
    return neo4j.GraphDatabase.driver(
        uri, auth=account(), connection_timeout=5, connection_acquisition_timeout=8, max_transaction_retry_time=0
    )


def write_read(driver: neo4j.Driver, database: str) -> str:
    """A node is written, read by another session and removed."""
    word = f"verify-{time.time_ns()}"
    driver.execute_query("CREATE (:Verify {word: $word})", word=word, database_=database)
    try:
        query = "MATCH (n:Verify {word: $word}) RETURN n.word"
        found = driver.execute_query(query, word=word, database_=database, routing_=neo4j.RoutingControl.READ)
        assert [record[0] for record in found.records] == [word]
        return f"{word} from {found.summary.server.agent} at {found.summary.server.address[0]}"
    finally:
        driver.execute_query("MATCH (n:Verify {word: $word}) DELETE n", word=word, database_=database)


def schema(driver: neo4j.Driver, database: str) -> str:
    """Every constraint and index serves."""
    found = driver.execute_query("SHOW INDEXES YIELD name, state", database_=database).records
    away = [name for name, state in found if state != "ONLINE"]
    assert not away, away
    return f"{len(found)} indexes are online"


MODES: dict[str, tuple[str, Any]] = {
    "write-read": ("neo4j+s", write_read),
    "schema": ("neo4j+s", schema),
    "direct": ("bolt+s", write_read),
    "plaintext": ("bolt", write_read),
}


def main() -> None:
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    scheme, ask = client.chosen(MODES)
    try:
        with connect(scheme) as driver:
            print(ask(driver, os.environ["NEO4J_DATABASE"]))
    except (DriverError, Neo4jError, AssertionError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
