"""Neo4j's programs: what is asked of the server for declared objects, and a graph as a file."""

from __future__ import annotations

import gzip
import json
from types import SimpleNamespace

import pytest
from neo4j.exceptions import ServiceUnavailable

from programs import waiting
from programs.neo4j import backup, graph, metrics, objects
from programs.protocol import Absent, Actions, Refusal

INDEX = {"type": "VECTOR", "definition": "FOR (n:Chunk) ON (n.embedding)", "config": {"vector.dimensions": 4}}
WANTED = {
    "edition": "community",
    "passwords": ["new", "old"],
    "database": "neo4j",
    "primaries": 3,
    "users": [{"name": "app", "password": "word", "roles": ["reader"]}],
    "constraints": {"document_id": "FOR (n:Document) REQUIRE n.id IS UNIQUE"},
    "indexes": {"embedding": INDEX},
}
ALL = ["CREATE USER app", "CREATE CONSTRAINT `document_id`", "CREATE VECTOR INDEX `embedding`", "ALTER USER neo4j"]


class Server:
    """As much of a server as the program uses; it keeps what it is told."""

    def __init__(self, password="old"):
        self.password, self.users, self.roles, self.schema, self.primaries = password, {}, {}, {}, 1

    def knows(self, name, password):
        return self.users.get(name) == password

    def compare(self, query, _database):
        return query in {item["createStatement"] for item in self.schema.values()}

    def ask(self, query, _database="system", **values):
        words = query.split()
        if query.startswith("SHOW USERS"):
            return [{"user": name, "roles": self.roles.get(name)} for name in self.users]
        if query.startswith("SHOW DATABASES"):
            return [{"requestedPrimariesCount": self.primaries}]
        if words[0] == "SHOW":
            return [item for item in self.schema.values() if (words[1] == "CONSTRAINTS") == (item["kind"] == "CONSTRAINT")]
        if "USER" in words:
            self.users[values["name"]] = values["password"]
            self.password = self.users.get("neo4j", self.password)
        elif words[0] == "GRANT":
            self.roles.setdefault(values["name"], []).append(values["role"])
        elif words[:2] == ["ALTER", "DATABASE"]:
            self.primaries = int(words[words.index("TOPOLOGY") + 1])
        elif words[0] == "CREATE":
            kind = "CONSTRAINT" if words[1] == "CONSTRAINT" else "INDEX"
            name = next(word for word in words if word.startswith("`"))[1:-1]
            options = {"indexConfig": dict(INDEX["config"])} if "OPTIONS" in words else None
            self.schema[name] = {"name": name, "kind": kind, "createStatement": query, "options": options}
        return []


def converge(server, check=False, **changes):
    """What is done to a server, or would be."""
    actions = Actions(check)
    objects.everything(server, WANTED | changes, actions)
    return actions.names


def test_what_is_missing_is_made_once_and_the_administrator_comes_last():
    server = Server()
    assert converge(server) == ALL
    assert server.password == "new"
    assert converge(server) == []


def test_a_check_says_the_same_and_does_nothing():
    server = Server()
    assert converge(server, check=True) == ALL
    assert (server.users, server.schema, server.password) == ({}, {}, "old")


def test_another_password_is_set():
    server = Server("new")
    converge(server)
    server.users["app"] = "changed by hand"
    assert converge(server) == ["ALTER USER app"]


def test_enterprise_grants_roles_and_spreads_the_database():
    server = Server("new")
    actions = converge(server, edition="enterprise")
    assert {"GRANT ROLE reader TO app", "ALTER DATABASE neo4j SET TOPOLOGY 3 PRIMARIES"} <= set(actions)
    assert converge(server, edition="enterprise") == []


def test_a_server_that_is_away_for_a_moment_is_asked_again(monkeypatch):
    class Flaky(Server):
        asked = 0

        def ask(self, *words, **values):
            self.asked += 1
            if self.asked == 3:
                raise ServiceUnavailable
            return super().ask(*words, **values)

    monkeypatch.setattr(waiting.time, "sleep", lambda _: None)
    actions = Actions(check=False)
    objects.insist(Flaky(), WANTED | {"patience": 60}, actions)
    assert actions.names == ALL
    with pytest.raises(ServiceUnavailable):
        objects.insist(Flaky(), WANTED | {"patience": -1}, Actions(check=False))


@pytest.mark.parametrize(
    "changed",
    [
        {"constraints": {"document_id": "FOR (n:Document) REQUIRE n.name IS UNIQUE"}},
        {"indexes": {"embedding": INDEX | {"config": {"vector.dimensions": 8}}}},
    ],
)
def test_what_would_have_to_be_dropped_is_refused_by_name(changed):
    server = Server("new")
    converge(server)
    with pytest.raises(Refusal, match=r"found CREATE .*; wanted CREATE .*Drop it by hand"):
        converge(server, **changed)


NODES = [["node", "4:x:0", ["B", "A"], [["id", "INTEGER", 1], ["name", "STRING", "n"]]], ["node", "4:x:1", [], []]]
RELATIONSHIPS = [["relationship", "KNOWS", "4:x:0", "4:x:1", [["since", "DATE NOT NULL", "2020-02-02"]]]]


@pytest.fixture
def contents(tmp_path):
    def run(*found):
        path = tmp_path / "graph.jsonl.gz"
        with gzip.open(path, "wt") as sink:
            sink.writelines(json.dumps(line) + "\n" for line in found)
        return graph.contents(path)

    return run


def renamed(lines):
    """The same graph in another server: other ids, labels and properties in another order, nodes too."""
    text = json.dumps(lines[::-1]).replace("4:x:0", "4:y:7").replace("4:x:1", "4:y:3").replace('["B", "A"]', '["A", "B"]')
    return json.loads(text.replace('[["id", "INTEGER", 1], ["name", "STRING", "n"]]', '[["name", "STRING", "n"], ["id", "INTEGER", 1]]'))


def test_the_same_graph_has_the_same_fingerprints_anywhere(contents):
    found = contents(*RELATIONSHIPS, *NODES)
    assert found == contents(*renamed(RELATIONSHIPS + NODES))
    assert {what: value["count"] for what, value in found.items()} == {
        "nodes A:B": 1,
        "nodes without a label": 1,
        "relationships KNOWS": 1,
        "constraints and indexes": 0,
    }


@pytest.mark.parametrize(("old", "new"), [('"n"', '"m"'), ("2020-02-02", "2020-02-03"), ('"4:x:0", "4:x:1"', '"4:x:1", "4:x:0"')])
def test_any_difference_shows(contents, old, new):
    lines = RELATIONSHIPS + NODES
    assert contents(*lines) != contents(*json.loads(json.dumps(lines).replace(old, new)))


def test_a_relationship_whose_node_went_meanwhile_is_none(contents):
    assert "relationships KNOWS" not in contents(*RELATIONSHIPS, NODES[0])


def test_values_survive_the_file():
    for value in [[0.1, -0.0, 1e300], b"\x00\xff", ["a", "b"], [1, 2], [], True, "ü", 2**60]:
        assert graph._unpack(json.loads(json.dumps(graph._pack(value)))) == value


def test_dates_are_read_by_the_server():
    properties = [
        ["day", "DATE NOT NULL", "2020-02-02"],
        ["days", "LIST<DATE NOT NULL> NOT NULL", ["2020-02-02"]],
        ["none", "LIST<NOTHING> NOT NULL", []],
        ["at", "ZONED DATETIME NOT NULL", "2024-10-27T02:30:00+02:00[Europe/Paris]"],
        ["date", "STRING NOT NULL", "2020-02-02"],
    ]
    found = graph._split(properties)
    assert found["plain"] == {"none": [], "date": "2020-02-02"}
    assert [(item["name"], item["kind"], item["single"]) for item in found["times"]] == [
        ("day", "DATE", True),
        ("days", "DATE", False),
        ("at", "ZONED DATETIME", True),
    ]


@pytest.mark.parametrize(("moments", "whole"), [([1, 1], True), ([1, 2, 3, 3], True), ([1, 2, 3, 4, 5, 6], False)])
def test_a_backup_of_no_moment_is_kept_but_its_job_fails(monkeypatch, tmp_path, moments, whole):
    seen, stored = iter(moments), []

    class Archive:
        """Stands for the bucket: notes what is put there, and that the backup counts."""

        def put(self, backup, name, path):
            stored.append(name)

        def finish(self, backup, contents):
            stored.append("contents.json")

    for name, value in {"GRAPH": tmp_path / "graph", "ABOUT": tmp_path / "about"}.items():
        monkeypatch.setattr(backup, name, value)
    monkeypatch.setattr(backup, "moment", lambda driver, database: next(seen))
    monkeypatch.setattr(backup, "export", lambda driver, database, path: 3)
    monkeypatch.setattr(backup, "contents", lambda path: {})
    if whole:
        backup.take(Archive(), None, "neo4j")
    else:
        with pytest.raises(SystemExit, match="is of no moment"):
            backup.take(Archive(), None, "neo4j")
    assert stored == ["graph", "about", "contents.json"]
    assert json.loads((tmp_path / "about").read_text())["one_moment"] is whole


class Driver:
    """Answers of a server by the beginning of the question."""

    def __init__(self, answers):
        self.answers = answers

    def execute_query(self, query, database_):
        if self.answers is None:
            raise ServiceUnavailable("away")
        return SimpleNamespace(records=next(rows for start, rows in self.answers.items() if query.startswith(start)))


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "neo4j+s://neo4j:7687")
    monkeypatch.setenv("NEO4J_DATABASE", "voice")

    def make(answers):
        monkeypatch.setattr(metrics.neo4j.GraphDatabase, "driver", lambda uri, **_: Driver(answers))
        return metrics.Reader()

    return make


def test_metrics_are_in_prometheus_form(reader):
    memory = {
        "HeapMemoryUsage": {"value": {"properties": {"used": 5, "max": 9}}},
        "NonHeapMemoryUsage": {"value": {"properties": {"used": 2}}},
    }
    answers = {
        "CALL dbms.components": [["2026.8", "community"]],
        "SHOW DATABASES": [["voice", "online"], ["system", "offline"]],
        "CALL dbms.listConnections": [[None, 2]],
        "SHOW TRANSACTIONS": [[1, 30]],
        "MATCH (n)": [[7]],
        "MATCH ()": [[3]],
        "SHOW INDEXES": [["ONLINE", 4]],
        "CALL dbms.queryJmx": [["java.lang:type=Memory", memory]],
    }
    lines = reader(answers).text().splitlines()
    assert {"neo4j_up 1", 'neo4j_database_online{database="system"} 0', 'neo4j_nodes{database="voice"} 7'} <= set(lines)
    assert {'neo4j_bolt_connections{user=""} 2', "neo4j_vm_heap_used_bytes 5", 'neo4j_indexes{state="ONLINE"} 4'} <= set(lines)


def test_a_server_that_is_away_is_a_metric(reader):
    assert reader(None).text().splitlines()[-1] == "neo4j_up 0"


def test_the_administrator_is_asked_for_with_the_password_that_counts(monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda _: None)
    monkeypatch.setattr(objects.neo4j.GraphDatabase, "driver", lambda uri, auth: auth)
    answers = iter([ServiceUnavailable("starts"), False, True])

    def knows(self, name, password):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(objects.Server, "knows", knows)
    assert objects.Server("neo4j+s://neo4j", ["new", "old"], 60).driver == ("neo4j", "old")
    answers = iter([False, False])
    with pytest.raises(Refusal, match="none of the passwords"):
        objects.Server("neo4j+s://neo4j", ["new", "old"], 60)
    answers = iter([ServiceUnavailable("away")])
    with pytest.raises(Absent, match="away"):
        objects.converge(WANTED | {"uri": "neo4j+s://neo4j", "check": True, "arrival": 60}, Actions(check=True))
