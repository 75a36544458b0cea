"""What Kafka says of its members, from answers like those of kafka-python."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from kafka.errors import KafkaTimeoutError

from programs.kafka import membership
from programs.protocol import Refusal

MEMBERS = ["kafka-0", "kafka-1", "kafka-2"]
WANTED = {"hosts": [f"{pod}:9092" for pod in MEMBERS], "passwords": ["new", "old"], "members": MEMBERS, "controllers": []}


class Admin:
    """A cluster with one partition of a topic on all brokers, led by 0, and a topic with a single copy on 2."""

    def __init__(self, isr=(0, 1, 2), single=False, fenced=(), late=(), voters=(0, 1, 2)):
        self.isr, self.single, self.fenced, self.late, self.votes = isr, single, fenced, late, voters

    def describe_topics(self):
        part = {"partition_index": 0, "leader_id": self.isr[0] if self.isr else -1, "replica_nodes": [0, 1, 2], "isr_nodes": list(self.isr)}
        one = {"partition_index": 0, "leader_id": 2, "replica_nodes": [2], "isr_nodes": [2]}
        return [{"name": "events", "partitions": [part]}, *([{"name": "scratch", "partitions": [one]}] if self.single else [])]

    def describe_configs(self, resources, config_filter):
        return {"topic": {resource.name: {"min.insync.replicas": {"value": "2"}} for resource in resources}}

    def describe_cluster(self):
        return {"brokers": [{"broker_id": broker, "is_fenced": broker in self.fenced} for broker in range(3)]}

    def describe_metadata_quorum(self):
        def voter(number):
            return {"replica_id": number, "last_caught_up_timestamp": 1_000_000 - (60_000 if number in self.late else 300)}

        partition = {"leader_id": self.votes[1], "current_voters": [voter(number) for number in self.votes], "error": None}
        return {"topics": [{"topic_name": "__cluster_metadata", "partitions": [partition]}]}


@pytest.fixture
def ask(monkeypatch):
    def run(*lost, admin=None, **wanted):
        monkeypatch.setattr(membership, "entered", lambda _: nullcontext(admin or Admin()))
        return membership.ask({**WANTED, "lost": list(lost), **wanted}).answer()

    return run


def test_a_whole_system_can_lose_any_one_member(ask):
    for pod in MEMBERS:
        assert ask(pod) == {"leaders": ["kafka-0", "kafka-1"], "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_two_members_take_the_voters_and_the_copies(ask):
    assert ask("kafka-0", "kafka-2")["held"] == [
        "controllers, partition events-0: found 1 of 3 copies in step without kafka-0, kafka-2; wanted 2"
    ]


def test_who_is_behind_can_go_and_nobody_else(ask):
    behind = Admin(isr=(0, 2), fenced=[1])
    found = ask("kafka-1", admin=behind)
    assert (found["held"], found["whole"]) == ([], False)
    assert found["why"] == "kafka-1 does not serve; partition events-0: 2 of 3 copies in step, not kafka-1"
    found = ask("kafka-2", admin=behind)
    assert (found["held"], found["losing"]) == (["partition events-0: found 1 of 3 copies in step without kafka-2; wanted 2"], [])


def test_a_voter_that_is_behind_counts_as_away(ask):
    found = ask("kafka-0", admin=Admin(late=[2]))
    assert found["held"] == ["controllers: found 1 of 3 copies in step without kafka-0; wanted 2"]


def test_a_topic_of_one_copy_is_of_one_broker_alone(ask):
    found = ask("kafka-2", admin=Admin(single=True))
    assert (found["alone"], found["held"], found["whole"]) == (["kafka-2"], [], True)


def test_a_partition_that_nobody_leads(ask):
    assert "partition events-0: nobody leads it" in ask(admin=Admin(isr=()))["why"]


def test_controllers_on_their_own(ask):
    controllers = [f"kafka-controller-{number}" for number in range(3)]
    admin = Admin(voters=(100, 101, 102))
    assert ask("kafka-controller-0", admin=admin, controllers=controllers)["held"] == []
    assert ask("kafka-controller-0", "kafka-controller-2", admin=admin, controllers=controllers)["held"] == [
        "controllers: found 1 of 3 copies in step without kafka-controller-0, kafka-controller-2; wanted 2"
    ]


@pytest.mark.parametrize(("right", "answers"), [("new", True), ("old", True), ("other", False)])
def test_the_first_broker_that_lets_in_is_asked(monkeypatch, right, answers):
    class Client:
        def __init__(self, bootstrap_servers, sasl_plain_password, **_):
            if bootstrap_servers != "kafka-1:9092" or sasl_plain_password != right:
                listening.seen = True
                raise KafkaTimeoutError("nobody")

    listening = membership.listen()
    monkeypatch.setattr(membership, "listen", lambda: listening)
    monkeypatch.setattr(membership, "KafkaAdminClient", Client)
    if answers:
        assert isinstance(membership.entered(WANTED), Client)
    else:
        with pytest.raises(Refusal, match="no broker lets the administrator in"):
            membership.entered(WANTED)
