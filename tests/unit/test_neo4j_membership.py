"""What Neo4j says of its members, from records like those of SHOW DATABASES."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from neo4j.exceptions import AuthError

from programs.neo4j import membership
from programs.protocol import Refusal

MEMBERS = ["neo4j-0", "neo4j-1", "neo4j-2"]
WANTED = {"uri": "neo4j+s://neo4j:7687", "passwords": ["new", "old"], "members": MEMBERS}


def copy(pod, name="neo4j", writer=False, status="online", lag=0, count=3, **more):
    address = f"{pod}.neo4j-pods.voicehelper-storage.svc:7687"
    kind = "system" if name == "system" else "standard"
    described = {"name": name, "type": kind, "address": address, "role": "primary", "writer": writer, "currentStatus": status}
    return described | {"replicationLag": lag, "requestedPrimariesCount": None if name == "system" else count, **more}


def cluster(away="", behind=""):
    def row(pod, name, writer):
        if pod == away:
            return copy(pod, name, status="unknown", lag=None, role="unknown")
        return copy(pod, name, writer=pod == writer, lag=-5000 if pod == behind else -3)

    return [row(pod, name, writer) for pod in MEMBERS for name, writer in (("neo4j", "neo4j-1"), ("system", "neo4j-0"))]


def judge(*lost, copies=None, members=MEMBERS):
    return membership.judged(copies or cluster(), {"members": members, "lost": list(lost)}).answer()


def test_a_whole_cluster_can_lose_any_one_member():
    for pod in MEMBERS:
        assert judge(pod) == {"leaders": MEMBERS[:2], "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_two_members_are_a_majority():
    assert judge("neo4j-0", "neo4j-1")["held"] == [
        "database neo4j, database system: found 1 of 3 copies in step without neo4j-0, neo4j-1; wanted 2"
    ]


@pytest.mark.parametrize("state", [{"away": "neo4j-2"}, {"behind": "neo4j-2"}])
def test_who_is_behind_can_go_and_nobody_else(state):
    found = judge("neo4j-2", copies=cluster(**state))
    assert (found["held"], found["why"]) == ([], "database neo4j, database system: 2 of 3 copies in step, not neo4j-2")
    assert "1 of 3 copies in step without neo4j-1; wanted 2" in judge("neo4j-1", copies=cluster(**state))["held"][0]


def test_a_copy_that_only_serves_readers_has_no_vote():
    secondary = copy("neo4j-2", role="secondary")
    copies = [copy("neo4j-0", writer=True, count=1), secondary]
    assert judge("neo4j-0", copies=copies)["alone"] == ["neo4j-0"]
    assert judge("neo4j-2", copies=copies)["alone"] == []


def test_a_single_server_goes_by_the_service_s_name():
    copies = [copy("neo4j", name, writer=True, count=None, address="neo4j.voicehelper-storage.svc:7687") for name in ("neo4j", "system")]
    found = judge("neo4j-0", copies=copies, members=MEMBERS[:1])
    assert found == {"leaders": [], "alone": ["neo4j-0"], "whole": True, "why": "", "held": [], "losing": []}
    copies[0] |= {"currentStatus": "offline", "writer": False}
    found = judge("neo4j-0", copies=copies, members=MEMBERS[:1])
    assert found["why"] == "database neo4j: nobody writes it; database neo4j: 0 of 1 copies in step, not neo4j-0"


class Driver:
    """Knows one password."""

    right = "new"

    def __init__(self, uri, auth, **_):
        assert uri == WANTED["uri"] and auth[0] == "neo4j"
        self.password = auth[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Closed."""

    def execute_query(self, query, database_, routing_):
        assert query.strip().startswith("SHOW DATABASES") and database_ == "system"
        if self.password != self.right:
            raise AuthError("unauthorized")
        return SimpleNamespace(records=cluster())


@pytest.mark.parametrize("right", ["new", "old"])
def test_the_previous_password_counts_while_it_is_replaced(monkeypatch, right):
    monkeypatch.setattr(Driver, "right", right)
    monkeypatch.setattr("neo4j.GraphDatabase.driver", Driver)
    assert membership.ask({**WANTED, "lost": []}).answer()["whole"]


def test_no_password_is_right(monkeypatch):
    monkeypatch.setattr(Driver, "right", "another")
    monkeypatch.setattr("neo4j.GraphDatabase.driver", Driver)
    with pytest.raises(Refusal, match="none of the passwords"):
        membership.ask({**WANTED, "lost": []})
