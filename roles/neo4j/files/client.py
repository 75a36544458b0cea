"""A client of Neo4j, for verification, at URI as NEO4J_USER with NEO4J_PASSWORD.

`write-read` and `schema` go where the server sends them; `direct` and `plaintext` write through the service itself, with and without TLS.
"""

from __future__ import annotations

import logging
import os
import sys
import time

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

logging.getLogger("neo4j").setLevel(logging.CRITICAL)
URI, DATABASE, WORD = os.environ["URI"], os.environ["NEO4J_DATABASE"], f"verify-{time.time_ns()}"


def connect(scheme):
    """A driver that does not insist."""
    account = (os.environ["NEO4J_USER"], os.environ["NEO4J_PASSWORD"]) if "NEO4J_USER" in os.environ else None
    uri = f"{scheme}://{URI.partition('://')[2]}"
    return neo4j.GraphDatabase.driver(
        uri, auth=account, connection_timeout=5, connection_acquisition_timeout=8, max_transaction_retry_time=5
    )


def write_read(driver):
    """A node is written, read by another session and removed."""
    driver.execute_query("CREATE (:Verify {word: $word})", word=WORD, database_=DATABASE)
    try:
        query = "MATCH (n:Verify {word: $word}) RETURN n.word"
        found = driver.execute_query(query, word=WORD, database_=DATABASE, routing_=neo4j.RoutingControl.READ)
        assert [record[0] for record in found.records] == [WORD]
        return f"{WORD} from {found.summary.server.agent} at {found.summary.server.address[0]}"
    finally:
        driver.execute_query("MATCH (n:Verify {word: $word}) DELETE n", word=WORD, database_=DATABASE)


def schema(driver):
    """Every constraint and index serves."""
    found = driver.execute_query("SHOW INDEXES YIELD name, state", database_=DATABASE).records
    away = [name for name, state in found if state != "ONLINE"]
    assert not away, away
    return f"{len(found)} indexes are online"


MODES = {
    "write-read": ("neo4j+s", write_read),
    "schema": ("neo4j+s", schema),
    "direct": ("bolt+s", write_read),
    "plaintext": ("bolt", write_read),
}


def main():
    scheme, ask = MODES[sys.argv[1]]
    try:
        with connect(scheme) as driver:
            print(ask(driver))
    except (DriverError, Neo4jError, AssertionError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


main()
