"""Whether Neo4j can lose members: by which of them have each database and how far their copies are. A single server has all by itself.

Input: uri, passwords (the administrator's, newest first), members.
"""

from __future__ import annotations

import logging
from itertools import groupby
from typing import Any

import neo4j
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from programs import membership, protocol
from programs.membership import Membership, Shared
from programs.neo4j.objects import ADMINISTRATOR, SYSTEM
from programs.protocol import Refusal, Wanted

Json = dict[str, Any]
ATTEMPT = 3  # seconds
LATE = 100  # transactions that a copy may be behind: a few seconds of writing
QUERY = """
SHOW DATABASES YIELD name, type, address, role, writer, currentStatus, requestedStatus, replicationLag, requestedPrimariesCount
WHERE requestedStatus = 'online'
"""


def judged(copies: list[Json], wanted: Wanted) -> Membership:
    """What follows from the copies of all databases that should serve."""
    members, found, shared = wanted["members"], Membership(), list[Shared]()

    def pod(copy: Json) -> str:
        """The pod of a copy; a server that stands alone goes by the service's name."""
        return members[0] if len(members) == 1 else str(copy.get("address") or "").partition(".")[0]

    for name, group in groupby(sorted(copies, key=lambda copy: copy["name"]), key=lambda copy: copy["name"]):
        voting = [copy for copy in group if copy.get("role") != "secondary" and copy.get("type") != "composite"]
        if not voting:
            continue
        step = {pod(copy): copy.get("currentStatus") == "online" and abs(copy.get("replicationLag") or 0) < LATE for copy in voting}
        count = len(members) if name == SYSTEM else voting[0].get("requestedPrimariesCount") or 1
        shared.append(Shared.quorum(f"database {name}", step, count))
        writers = [pod(copy) for copy in voting if copy.get("writer")]
        found.leaders += writers if count > 1 else []
        found.why += [f"database {name}: nobody writes it"] * (not writers)
    if not shared:
        found.why.append("no database should serve")
    found.judge(shared, wanted["lost"])
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""

    def enter(password: str) -> list[Json] | None:
        limits = {"connection_timeout": ATTEMPT, "connection_acquisition_timeout": ATTEMPT, "max_transaction_retry_time": 0}
        with neo4j.GraphDatabase.driver(wanted["uri"], auth=(ADMINISTRATOR, password), **limits) as driver:
            try:
                return [dict(record) for record in driver.execute_query(QUERY, database_=SYSTEM, routing_="r").records]
            except AuthError:
                return None

    copies = protocol.admitted(wanted["passwords"], enter)
    if not copies:
        raise Refusal("the administrator has none of the passwords of this site")
    return judged(copies, wanted)


if __name__ == "__main__":
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # what matters is raised
    membership.tell(ask, Neo4jError, DriverError)
