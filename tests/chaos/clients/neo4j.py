"""Numbers through Neo4j: `write`, `read`, `state`, `clean` of the nodes with the label `Chaos`.

NEO4J_PASSWORD is the administrator's, who may ask about members: `neo4j`, neo4j-credentials, key admin-password. NEO4J_DATABASE names the
database, neo4j by default.
"""

import json
import logging
import os
import signal
import sys
import time

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

logging.getLogger("neo4j").setLevel(logging.CRITICAL)
URI = f"neo4j+s://{os.environ.get('NEO4J_HOST', 'neo4j')}:7687"
DATABASE = os.environ.get("NEO4J_DATABASE", "neo4j")
PATIENCE = 3  # seconds
ERRORS = (DriverError, Neo4jError, OSError)


def connect():
    """A driver that gives up soon and tries nothing twice."""
    account = (os.environ.get("NEO4J_USER", "neo4j"), os.environ["NEO4J_PASSWORD"])
    return neo4j.GraphDatabase.driver(
        URI, auth=account, connection_timeout=PATIENCE, connection_acquisition_timeout=PATIENCE, max_transaction_retry_time=0
    )


def late(*_):
    """An answer that takes too long."""
    raise TimeoutError("no answer")


def write():
    """One number after the other, each in a transaction of its own; never ends by itself."""
    driver, number = None, int(os.environ.get("START", time.time() * 1000))
    signal.signal(signal.SIGALRM, late)
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 5 * PATIENCE)  # a server that has just started thinks long over its first query
            if driver is None:
                driver = connect()
                driver.execute_query("CREATE CONSTRAINT chaos IF NOT EXISTS FOR (n:Chaos) REQUIRE n.number IS UNIQUE", database_=DATABASE)
            driver.execute_query("CREATE (:Chaos {number: $number})", number=number, database_=DATABASE)
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(number, time.time(), flush=True)
        except ERRORS as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            print("error", time.time(), (str(error) or type(error).__name__).splitlines()[0], flush=True)
            driver = None
            time.sleep(0.2)  # a driver is dear to make, on the processors that the server starts on
        number += 1
        time.sleep(float(os.environ["PAUSE"]))


def read():
    """Every number that is there."""
    with connect() as driver, driver.session(database=DATABASE) as session:
        for record in session.run("MATCH (n:Chaos) RETURN n.number"):
            print(record[0])


def state():
    """Who writes down the database, and whether every copy of it serves and is as far as the others."""
    query = "SHOW DATABASE $name YIELD address, writer, currentStatus, replicationLag, requestedPrimariesCount"
    with connect() as driver:
        copies = [dict(record) for record in driver.execute_query(query, name=DATABASE, database_="system").records]
    wanted = copies[0]["requestedPrimariesCount"] or 1
    behind = [copy["address"] for copy in copies if copy["currentStatus"] != "online" or copy["replicationLag"]]
    leader = next((copy["address"] for copy in copies if copy["writer"]), "")
    whole = bool(leader) and len(copies) >= wanted and not behind
    name = "neo4j-0" if wanted == 1 else leader.partition(".")[0]  # a single server goes by the service's name
    print(json.dumps({"leader": name, "whole": whole, "why": "" if whole else f"{len(copies)} of {wanted} copies, behind: {behind}"}))


def clean():
    """The nodes go, and their constraint."""
    with connect() as driver:
        driver.execute_query("DROP CONSTRAINT chaos IF EXISTS", database_=DATABASE)
        with driver.session(database=DATABASE) as session:
            session.run("MATCH (n:Chaos) CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()


{"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]()
