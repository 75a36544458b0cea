"""What PostgreSQL says of its members, from what each of them answers to a client."""

from __future__ import annotations

import psycopg2
import pytest

from programs.postgresql import membership
from programs.postgresql.membership import State
from programs.protocol import Refusal

MEMBERS = [f"postgres-master-{number}" for number in range(3)]
LOG = 10 * 2**30
WANTED = {"hosts": "postgres-master-%d.postgres-pods", "port": 5432, "members": 3, "database": "voicehelper", "user": "voicehelper"}
WANTED |= {"passwords": ["new", "old"], "synchronous": True, "strict": False}


def members(away=(), parted=(), behind=(), synchronous=MEMBERS[1], leader=MEMBERS[0], count=3):
    pods = MEMBERS[:count]
    followers = [pod for pod in pods if pod not in {leader, *away, *parted}]
    first = State(False, LOG, [synchronous] if synchronous else [], [*followers, "pg_basebackup"])
    others = {pod: State(True, LOG - 2**26 * (pod in behind), [], []) for pod in pods}
    return {pod: None if pod in away else first if pod == leader else others[pod] for pod in pods}


def judge(*lost, wanted=None, **state):
    numbers = [MEMBERS[number] for number in lost]
    return membership.judged(members(**state), {**WANTED, **(wanted or {}), "lost": numbers}).answer()


def test_a_whole_system_can_lose_any_one_member():
    for number in range(3):
        assert judge(number) == {"leaders": MEMBERS[:1], "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_the_leader_and_the_synchronous_replica_alone_have_every_commit():
    assert judge(0, 1)["held"] == ["found 0 of 3 members with every commit without postgres-master-0, postgres-master-1; wanted 1"]
    assert judge(0, 2)["held"] == judge(1, 2)["held"] == []
    assert judge(0, 1, wanted={"synchronous": False})["held"] == []


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"away": MEMBERS[2:]}, "postgres-master-2 does not answer"),
        ({"parted": MEMBERS[2:]}, "postgres-master-2 does not follow postgres-master-0"),
        ({"behind": MEMBERS[2:]}, "postgres-master-2 is 64 MiB behind"),
    ],
)
def test_a_replica_that_is_not_there_can_go(state, why):
    found = judge(2, **state)
    assert (found["held"], found["why"]) == ([], why)
    assert judge(0, **state)["held"] == []


@pytest.mark.parametrize("state", [{"away": MEMBERS[1:2]}, {"synchronous": ""}])
def test_without_a_synchronous_replica_the_leader_stays(state):
    found = judge(0, **state)
    assert found["held"] == ["found 0 of 3 members with every commit without postgres-master-0; wanted 1"]
    assert "no replica is synchronous" in found["why"]
    assert judge(2, **state)["held"] == []


def test_nobody_goes_while_nobody_leads():
    found = judge(1, leader=None)
    assert found["held"] == ["found 0 leaders; wanted one before postgres-master-1 goes"] and not found["whole"]
    assert judge(1, leader=None, away=MEMBERS[1:2])["held"] == []


def test_a_strict_leader_needs_a_replica_to_write():
    strict = {"wanted": {"strict": True}}
    assert judge(1, **strict)["held"] == []
    assert judge(1, 2, **strict)["held"] == ["found 1 of 3 members for a commit without postgres-master-1, postgres-master-2; wanted 2"]


def test_a_single_member_has_everything():
    found = judge(0, count=1, synchronous="")
    assert (found["alone"], found["held"], found["whole"]) == (MEMBERS[:1], [], True)


class Server:
    """Three members behind psycopg2; the password of two is the previous one."""

    def __init__(self, refuses=()):
        self.refuses = refuses

    def connect(self, host, password, sslmode, connect_timeout, **_):
        assert sslmode == "verify-full" and connect_timeout == 2
        self.pod = host.partition(".")[0]
        if self.pod == MEMBERS[2]:
            raise psycopg2.OperationalError("could not connect to server: timeout expired")
        if password in self.refuses:
            raise psycopg2.OperationalError('FATAL:  password authentication failed for user "voicehelper"')
        return Connection(self.pod)


class Connection:
    def __init__(self, pod):
        self.pod = pod

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing to end."""

    def close(self):
        """Nothing to close."""

    def execute(self, query):
        assert "pg_is_in_recovery()" in query

    def fetchall(self):
        if self.pod == MEMBERS[0]:
            return [(False, LOG, '"postgres-master-1"', ["postgres-master-1"])]
        return [(True, LOG, "", [])]


@pytest.mark.parametrize("refuses", [[], ["new"]])
def test_members_are_asked_as_a_client(monkeypatch, refuses):
    monkeypatch.setattr(psycopg2, "connect", Server(refuses).connect)
    found = membership.ask({**WANTED, "lost": MEMBERS[2:]}).answer()
    assert (found["why"], found["held"], found["leaders"]) == ("postgres-master-2 does not answer", [], MEMBERS[:1])


def test_a_refused_client_is_no_answer(monkeypatch):
    monkeypatch.setattr(psycopg2, "connect", Server(["new", "old"]).connect)
    with pytest.raises(Refusal, match="does not let voicehelper in"):
        membership.ask({**WANTED, "lost": []})
