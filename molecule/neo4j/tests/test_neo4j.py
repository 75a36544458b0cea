"""Neo4j as the cluster has it after the role."""

import json
import shlex

import pytest
from members import NAMESPACE, Members

SELECTOR = "app.kubernetes.io/name=neo4j"
KEYS = f"secret neo4j-credentials --namespace {NAMESPACE}"
PROGRAM = """
import json, logging, sys, neo4j
logging.getLogger("neo4j").setLevel(logging.CRITICAL)
user, password, database, query = sys.argv[1:]
with neo4j.GraphDatabase.driver("neo4j+s://neo4j.voicehelper-storage.svc.cluster.local:7687", auth=(user, password)) as driver:
    print(json.dumps([record.data() for record in driver.execute_query(query, database_=database).records], default=str))
"""


@pytest.fixture(scope="module")
def ask(kubectl):
    """Asks the server from the toolbox, as a user; the password is the Secret's."""

    def run(query, user="neo4j", key="admin-password", database="neo4j"):
        password = kubectl(f"get {KEYS} --output go-template='{{{{index .data \"{key}\" | base64decode}}}}'")
        command = shlex.join(["python3", "-c", PROGRAM, user, password, database, query])
        return json.loads(kubectl(f"exec --namespace {NAMESPACE} deploy/toolbox -- {command}"))

    return run


class TestMembers(Members):
    """As on any site."""


def test_the_edition_allows_as_many_members_as_there_are(ask, pods):
    found, *_ = ask("CALL dbms.components() YIELD name, edition WHERE name = 'Neo4j Kernel' RETURN edition")
    assert found["edition"] == "enterprise" or len(pods) == 1


def test_the_application_signs_in_as_itself(ask):
    (found,) = ask("SHOW CURRENT USER YIELD user", "voicehelper", "application-password", "system")
    assert found["user"] == "voicehelper"


def test_declared_constraints_and_indexes_serve(ask):
    constraints = {item["name"] for item in ask("SHOW CONSTRAINTS YIELD name")}
    assert {"document_id", "chunk_id", "entity_id", "conversation_id"} <= constraints
    indexes = {item["name"]: item for item in ask("SHOW INDEXES YIELD name, type, state")}
    assert {indexes[name]["type"] for name in ("entity_name", "chunk_text", "chunk_embedding")} == {"RANGE", "FULLTEXT", "VECTOR"}
    assert {item["state"] for item in indexes.values()} == {"ONLINE"}


def test_a_second_node_with_the_same_id_is_refused(ask):
    query = "CREATE (:Document {id: 'twice'}), (:Document {id: 'twice'})"
    with pytest.raises(AssertionError, match="ConstraintValidationFailed"):
        ask(query)


def test_no_file_is_read_by_a_query(ask):
    with pytest.raises(AssertionError, match=r"LoadExternalResource|configuration property"):
        ask("LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line")


def test_it_is_measured(objects, fetch):
    (service,) = objects(f"services --namespace {NAMESPACE} --field-selector metadata.name=neo4j-metrics")
    selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
    for pod in objects(f"pods --namespace {NAMESPACE} --selector {selector}"):
        text = fetch(pod, 2004, "metrics")
        assert "\nneo4j_up 1\n" in text or "neo4j_dbms_" in text
