"""Keeps users, constraints and indexes of Neo4j as declared; never drops one.

Input: uri, edition, passwords (the administrator's, newest first), database, primaries, users, constraints, indexes, and in seconds
arrival (how long a server that does not answer yet is waited for) and patience (for one that answered and is away again).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import neo4j
from neo4j.exceptions import ClientError, DriverError, Neo4jError, TransientError

from programs import protocol
from programs.neo4j.graph import EQUIVALENT
from programs.protocol import Absent, Actions, Refusal, Wanted
from programs.waiting import until

Json = dict[str, Any]
AWAY = (DriverError, TransientError)
ADMINISTRATOR = "neo4j"
SYSTEM = "system"


class Server:
    """The server as its administrator, with the first of the passwords that is the right one.

    :raises Refusal: none of them is.
    :raises DriverError: it does not serve in `arrival` seconds.
    """

    def __init__(self, uri: str, passwords: list[str], arrival: float) -> None:
        self.uri = uri
        self.password: str = until(lambda: self._admitted(passwords), arrival, pause=2, faults=AWAY)
        self.driver = neo4j.GraphDatabase.driver(uri, auth=(ADMINISTRATOR, self.password))

    def _admitted(self, passwords: list[str]) -> str:
        if not (found := protocol.admitted(passwords, lambda word: word if self.knows(ADMINISTRATOR, word) else "")):
            raise Refusal("the administrator has none of the passwords of this site")
        return found

    def knows(self, name: str, password: str) -> bool:
        """Whether the user exists and has this password."""
        with neo4j.GraphDatabase.driver(self.uri, auth=(name, password), connection_timeout=5, connection_acquisition_timeout=8) as driver:
            try:
                return driver.verify_authentication()
            except ClientError as error:
                if "RateLimit" not in error.code:
                    raise
                time.sleep(6)  # after three wrong ones it listens to nobody for five seconds
                return driver.verify_authentication()

    def ask(self, query: str, database: str = SYSTEM, **values: Any) -> list[Json]:
        """Records as dicts."""
        return [dict(record) for record in self.driver.execute_query(query, values, database_=database).records]

    def compare(self, query: str, database: str) -> bool:
        """Try to make a thing of a name that is taken, and take it back.

        :return: whether what has the name is the very thing, by the server's own word.
        """
        with self.driver.session(database=database) as session:
            transaction = session.begin_transaction()
            try:
                transaction.run(query).consume()
            except ClientError as error:
                return error.code == EQUIVALENT
            finally:
                transaction.close()  # takes back whatever was done
        return False


def users(server: Server, wanted: list[Json], enterprise: bool, actions: Actions) -> None:
    """Accounts with their passwords, and their roles where there are any."""
    there = {user["user"]: set(user["roles"] or []) for user in server.ask("SHOW USERS YIELD user, roles")}
    for user in wanted:
        name = user["name"]
        if name not in there or not server.knows(name, user["password"]):
            verb = "ALTER" if name in there else "CREATE"
            if actions.add(f"{verb} USER {name}"):
                server.ask(f"{verb} USER $name SET PASSWORD $password CHANGE NOT REQUIRED", name=name, password=user["password"])
        for role in [role for role in user.get("roles", []) if enterprise and role not in there.get(name, ())]:
            if actions.add(f"GRANT ROLE {role} TO {name}"):
                server.ask("GRANT ROLE $role TO $name", role=role, name=name)


def administrator(server: Server, password: str, actions: Actions) -> None:
    """The administrator's own password, last: from here on the old one is gone."""
    if server.password != password and actions.add(f"ALTER USER {ADMINISTRATOR}"):
        server.ask("ALTER USER $name SET PASSWORD $password CHANGE NOT REQUIRED", name=ADMINISTRATOR, password=password)


def topology(server: Server, database: str, primaries: int, actions: Actions) -> None:
    """In a cluster, as many members have the database as there are."""
    found = server.ask("SHOW DATABASES YIELD name, requestedPrimariesCount WHERE name = $name RETURN *", name=database)
    lacks = found and (found[0]["requestedPrimariesCount"] or 1) < primaries
    if lacks and actions.add(f"ALTER DATABASE {database} SET TOPOLOGY {primaries} PRIMARIES"):
        server.ask(f"ALTER DATABASE `{database}` SET TOPOLOGY {primaries} PRIMARIES WAIT 120 SECONDS")


def schema(server: Server, database: str, kind: str, wanted: dict[str, tuple[str, Json]], actions: Actions) -> None:
    """Constraints or indexes. `wanted`: name → (what makes it, its indexConfig)."""
    listed = server.ask(f"SHOW {kind} YIELD name, createStatement, options", database)
    there = {item["name"]: item for item in listed}
    for name, (statement, config) in wanted.items():
        if name not in there:
            if actions.add(statement.split(" FOR ")[0]):
                server.ask(statement, database)
            continue
        found = there[name]
        found_config = (found["options"] or {}).get("indexConfig", {})
        if any(_text(found_config.get(key)) != _text(value) for key, value in config.items()) or not server.compare(statement, database):
            remedy = "Drop it by hand, and the next run makes it anew"
            raise Refusal(f"{name}: found {found['createStatement']}; wanted {statement}. {remedy}")


def _text(value: Any) -> str:
    return str(value).lower()


def statements(constraints: dict[str, str], indexes: dict[str, Json]) -> Iterator[tuple[str, dict[str, tuple[str, Json]]]]:
    """What makes each declared constraint and index."""
    yield "CONSTRAINTS", {name: (f"CREATE CONSTRAINT `{name}` {text}", {}) for name, text in constraints.items()}
    made = {}
    for name, index in indexes.items():
        config = index.get("config", {})
        options = ", ".join(f"`{key}`: {json.dumps(value)}" for key, value in config.items())
        options = f" OPTIONS {{indexConfig: {{{options}}}}}" if config else ""
        made[name] = (f"CREATE {index['type']} INDEX `{name}` {index['definition']}{options}", config)
    yield "INDEXES", made


def everything(server: Server, wanted: Wanted, actions: Actions) -> None:
    """In the order in which one thing needs another."""
    database, enterprise = wanted["database"], wanted["edition"] == "enterprise"
    users(server, wanted["users"], enterprise, actions)
    if enterprise:
        topology(server, database, int(wanted["primaries"]), actions)
    before = len(actions.names)
    for kind, declared in statements(wanted["constraints"], wanted["indexes"]):
        schema(server, database, kind, declared, actions)
    if len(actions.names) > before and not actions.check:
        server.ask("CALL db.awaitIndexes(240)", database)
    administrator(server, wanted["passwords"][0], actions)


def insist(server: Server, wanted: Wanted, actions: Actions) -> None:
    """The same, from its beginning where the server was away for a moment.

    :raises DriverError: it is away for longer than `patience` seconds.
    """
    until(lambda: everything(server, wanted, actions) or True, wanted["patience"], pause=2, faults=AWAY)
    actions.names[:] = dict.fromkeys(actions.names)


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    try:
        server = Server(wanted["uri"], wanted["passwords"], protocol.patience(wanted, "arrival"))
    except AWAY as error:
        raise Absent(f"Neo4j at {wanted['uri']}: {error}") from error
    insist(server, wanted, actions)


if __name__ == "__main__":
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # what matters is raised
    protocol.keep(converge, Neo4jError, DriverError)
