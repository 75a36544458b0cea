"""Keeps users, constraints and indexes of Neo4j as declared; never drops one.

Input: uri, edition, passwords (the administrator's, newest first), database, primaries, users, constraints, indexes, check, and in seconds
arrival (how long a server that does not answer yet is waited for) and patience (for one that answered and is away again).
"""

from __future__ import annotations

import json
import logging
import sys
import time

try:
    import neo4j
    from neo4j.exceptions import ClientError, DriverError, Neo4jError, TransientError
except ModuleNotFoundError:
    neo4j = None  # where only the rules below are wanted, and no server is asked

logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # what matters is raised
ADMINISTRATOR = "neo4j"
SYSTEM = "system"
EQUIVALENT = "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"


class Refused(Exception):
    """What was found cannot be made what is wanted without dropping something."""


class Server:
    """The server as its administrator, with the first of the passwords that is the right one.

    :raises Refused: none of them is.
    :raises DriverError: it does not serve in `arrival` seconds.
    """

    def __init__(self, uri, passwords, arrival):
        self.uri, self.password = uri, None
        deadline = time.monotonic() + arrival
        while self.password is None:
            try:
                self.password = next((word for word in dict.fromkeys(passwords) if self.knows(ADMINISTRATOR, word)), None)
                if self.password is None:
                    raise Refused("the administrator has none of the passwords of this site")
            except (DriverError, TransientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(2)
        self.driver = neo4j.GraphDatabase.driver(uri, auth=(ADMINISTRATOR, self.password))

    def knows(self, name, password):
        """Whether the user exists and has this password."""
        with neo4j.GraphDatabase.driver(self.uri, auth=(name, password), connection_timeout=5, connection_acquisition_timeout=8) as driver:
            try:
                return driver.verify_authentication()
            except ClientError as error:
                if "RateLimit" not in error.code:
                    raise
                time.sleep(6)  # after three wrong ones it listens to nobody for five seconds
                return driver.verify_authentication()

    def ask(self, query, database=SYSTEM, **values):
        """Records as dicts."""
        return [dict(record) for record in self.driver.execute_query(query, values, database_=database).records]

    def compare(self, query, database):
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


def users(server, wanted, enterprise, check):
    """Accounts with their passwords, and their roles where there are any."""
    there = {user["user"]: set(user["roles"] or []) for user in server.ask("SHOW USERS YIELD user, roles")}
    for user in wanted:
        name = user["name"]
        if name not in there or not server.knows(name, user["password"]):
            verb = "ALTER" if name in there else "CREATE"
            yield f"{verb} USER {name}"
            if not check:
                server.ask(f"{verb} USER $name SET PASSWORD $password CHANGE NOT REQUIRED", name=name, password=user["password"])
        for role in [role for role in user.get("roles", []) if enterprise and role not in there.get(name, ())]:
            yield f"GRANT ROLE {role} TO {name}"
            if not check:
                server.ask("GRANT ROLE $role TO $name", role=role, name=name)


def administrator(server, password, check):
    """The administrator's own password, last: from here on the old one is gone."""
    if server.password != password:
        yield f"ALTER USER {ADMINISTRATOR}"
        if not check:
            server.ask("ALTER USER $name SET PASSWORD $password CHANGE NOT REQUIRED", name=ADMINISTRATOR, password=password)


def topology(server, database, primaries, check):
    """In a cluster, as many members have the database as there are."""
    found = server.ask("SHOW DATABASES YIELD name, requestedPrimariesCount WHERE name = $name RETURN *", name=database)
    if found and (found[0]["requestedPrimariesCount"] or 1) < primaries:
        yield f"ALTER DATABASE {database} SET TOPOLOGY {primaries} PRIMARIES"
        if not check:
            server.ask(f"ALTER DATABASE `{database}` SET TOPOLOGY {primaries} PRIMARIES WAIT 120 SECONDS")


def schema(server, database, kind, wanted, check):
    """Constraints or indexes. `wanted`: name → (what makes it, its indexConfig)."""
    listed = server.ask(f"SHOW {kind} YIELD name, createStatement, options", database)
    there = {item["name"]: item for item in listed}
    for name, (statement, config) in wanted.items():
        if name not in there:
            yield statement.split(" FOR ")[0]
            if not check:
                server.ask(statement, database)
            continue
        found = there[name]
        found_config = (found["options"] or {}).get("indexConfig", {})
        if any(_text(found_config.get(key)) != _text(value) for key, value in config.items()) or not server.compare(statement, database):
            remedy = "Drop it by hand, and the next run makes it anew"
            raise Refused(f"{name}: found {found['createStatement']}; wanted {statement}. {remedy}")


def _text(value):
    return str(value).lower()


def statements(constraints, indexes):
    """What makes each declared constraint and index."""
    yield "CONSTRAINTS", {name: (f"CREATE CONSTRAINT `{name}` {text}", {}) for name, text in constraints.items()}
    made = {}
    for name, index in indexes.items():
        config = index.get("config", {})
        options = ", ".join(f"`{key}`: {json.dumps(value)}" for key, value in config.items())
        options = f" OPTIONS {{indexConfig: {{{options}}}}}" if config else ""
        made[name] = (f"CREATE {index['type']} INDEX `{name}` {index['definition']}{options}", config)
    yield "INDEXES", made


def converge(server, wanted):
    """What is being done, or would be."""
    check, database, enterprise = wanted["check"], wanted["database"], wanted["edition"] == "enterprise"
    yield from users(server, wanted["users"], enterprise, check)
    if enterprise:
        yield from topology(server, database, int(wanted["primaries"]), check)
    made = False
    for kind, declared in statements(wanted["constraints"], wanted["indexes"]):
        for action in schema(server, database, kind, declared, check):
            made = True
            yield action
    if made and not check:
        server.ask("CALL db.awaitIndexes(240)", database)
    yield from administrator(server, wanted["passwords"][0], check)


def insist(server, wanted):
    """Converge, and begin again where the server was away for a moment; gives all that was done.

    :raises DriverError: it is away for longer than `patience` seconds.
    """
    actions, deadline = [], time.monotonic() + wanted["patience"]
    while True:
        try:
            for action in converge(server, wanted):
                actions.append(action)
            return list(dict.fromkeys(actions))
        except (DriverError, TransientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(2)


def main():
    wanted = json.load(sys.stdin)
    try:
        server = Server(wanted["uri"], wanted["passwords"], wanted["arrival"])
    except (DriverError, TransientError) as error:
        if not wanted["check"]:
            sys.exit(f"Neo4j at {wanted['uri']}: {error}")
        print(json.dumps({"actions": []}))  # it comes with this very run
        return
    except Refused as error:
        sys.exit(f"Neo4j at {wanted['uri']}: {error}")
    try:
        print(json.dumps({"actions": insist(server, wanted)}))
    except (Neo4jError, DriverError, Refused) as error:
        sys.exit(f"Neo4j at {wanted['uri']}: {error}")


if __name__ == "__main__":
    main()
