"""What Redis says of its members, from what they answer to the keeper's questions."""

from __future__ import annotations

import pytest
import redis

from programs.protocol import Refusal
from programs.redis import connection, membership

HOSTS = "redis-cluster-%d.redis-cluster"
WANTED = {"hosts": HOSTS, "port": 6379, "members": 6, "replicas_each": 1, "passwords": ["new", "old"]}
SLOTS = ["0-5460", "5461-10922", "10923-16383"]


class Site:
    """Three primaries, 0 to 2, with the replicas 3 to 5; what each member answers."""

    def __init__(self, away=(), unlinked=(), full=(), password="new", slots=SLOTS):
        self.away, self.unlinked, self.full, self.password, self.slots = away, unlinked, full, password, slots

    def nodes(self, itself):
        def line(number):
            flags = ("myself," if number == itself else "") + ("slave" if number > 2 else "master")
            place = f"10.0.0.{number}:6379@16379,{HOSTS % number}"
            primary, slots = (f"id{number - 3}", "") if number > 2 else ("-", self.slots[number])
            return f"id{number} {place} {flags} {primary} 0 0 1 connected {slots}".rstrip()

        return "\n".join(map(line, range(6)))

    def member(self, host, port, user, password, timeout):
        return Client(self, int(host.partition(".")[0].rpartition("-")[2]), password)


class Client:
    def __init__(self, site, number, password):
        self.site, self.number, self.password = site, number, password

    def info(self):
        if self.number in self.site.away:
            raise redis.ConnectionError("nobody")
        if self.password != self.site.password:
            raise redis.AuthenticationError("WRONGPASS")
        disk = "err" if self.number in self.site.full else "ok"
        if self.number < 3:
            return {"role": "master", "aof_last_write_status": disk}
        link = "down" if self.number in self.site.unlinked else "up"
        return {"role": "slave", "master_host": "10.0.0.0", "master_link_status": link, "aof_last_write_status": disk}

    def config_get(self, *_):
        return {"cluster-announce-ip": f"10.0.0.{self.number}", "cluster-announce-human-nodename": "node"}

    def dbsize(self):
        return 1

    def execute_command(self, *words):
        return {"MYID": f"id{self.number}", "INFO": "cluster_state:ok", "NODES": self.site.nodes(self.number)}[words[1]]


def pods(*numbers):
    return [f"redis-cluster-{number}" for number in numbers]


@pytest.fixture
def ask(monkeypatch):
    def run(*lost, **state):
        monkeypatch.setattr(connection, "member", Site(**state).member)
        return membership.ask({**WANTED, "lost": pods(*lost)}).answer()

    return run


def test_a_whole_system_can_lose_any_one_member_and_one_of_each_kind(ask):
    for lost in [[number] for number in range(6)] + [[0, 4], [1, 5], [3, 4, 5]]:
        assert ask(*lost) == {"leaders": pods(0, 1, 2), "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_a_primary_and_its_replica_have_the_only_copies(ask):
    assert ask(1, 4)["held"] == ["slots of redis-cluster-1: found 0 of 2 copies in step without redis-cluster-1, redis-cluster-4; wanted 1"]


def test_two_primaries_are_too_many_to_elect_others(ask):
    assert ask(0, 1)["held"] == [
        "primaries, who elect one another: found 1 of 3 copies in step without redis-cluster-0, redis-cluster-1; wanted 2"
    ]


@pytest.mark.parametrize("state", [{"unlinked": [3]}, {"away": [3]}])
def test_who_is_behind_can_go_and_its_primary_cannot(ask, state):
    found = ask(3, **state)
    assert (found["held"], found["whole"]) == ([], False)
    assert "slots of redis-cluster-0: 1 of 2 copies in step, not redis-cluster-3" in found["why"]
    assert ask(0, **state)["held"] == ["slots of redis-cluster-0: found 0 of 2 copies in step without redis-cluster-0; wanted 1"]
    assert ask(1, **state)["held"] == []


def test_a_primary_that_is_away(ask):
    found = ask(3, away=[0])
    assert found["held"] == ["slots of redis-cluster-0: found 0 of 2 copies in step without redis-cluster-3; wanted 1"]
    assert found["leaders"] == pods(1, 2) and "redis-cluster-0 does not answer" in found["why"]


def test_slots_and_disks_count(ask):
    assert ask(slots=["0-5460", "5461-10922", "10923-16382"])["why"] == "16383 of 16384 slots have a primary"
    assert ask(full=[5])["why"] == "redis-cluster-5: its disk takes no more"


def test_the_previous_password_counts_while_it_is_replaced(ask):
    assert ask(password="old")["whole"]
    with pytest.raises(Refusal, match="refuses the administrator's password"):
        ask(password="another")


def test_nobody_answers(ask):
    with pytest.raises(Refusal, match="no member answers"):
        ask(away=range(6))
