"""Kafka as declared, and which copies move to brokers that are empty."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from kafka import TopicPartition
from kafka import admin as a
from kafka.errors import KafkaTimeoutError, RequestTimedOutError, SaslAuthenticationFailedError

from programs.kafka import connection, objects, placement
from programs.kafka.placement import lacking, shares
from programs.protocol import Refusal

RACKS = {1: "a", 2: "b", 3: "c", 4: "d"}
EVENTS = {"name": "events", "partitions": 6, "settings": {"x.enable": True}}
WANTED = {"min_insync_replicas": 2, "replication_factor": 3, "topics": [EVENTS]}


def spread(count):
    """Partitions of a topic on the brokers 1 to 3."""
    return {TopicPartition("events", number): [1, 2, 3] for number in range(count)}


def test_an_empty_broker_gets_its_share_and_no_more_moves():
    moved = shares(spread(8), RACKS)
    assert len(moved) == 6
    assert all(4 in brokers and len(set(brokers)) == 3 for brokers in moved.values())


def test_no_partition_gets_into_fewer_racks():
    racks = RACKS | {4: "a"}
    moved = shares(spread(8), racks)
    assert moved and all({racks[broker] for broker in brokers} == {"a", "b", "c"} for brokers in moved.values())


def test_nothing_moves_where_nobody_is_empty():
    assert shares(spread(8) | {TopicPartition("other", 0): [4]}, RACKS) == {}


class Admin:
    """As much of a cluster as the programs use: topics with their settings, which it keeps as texts."""

    def __init__(self):
        self.topics, self.partitions, self.moving = {}, {}, {}

    def describe_topics(self):
        def parts(name):
            return [
                {"partition_index": number, "replica_nodes": [1, 2], "isr_nodes": up} for number, up in enumerate(self.partitions[name])
            ]

        return [{"name": name, "partitions": parts(name)} for name in self.topics]

    def list_partition_reassignments(self):
        return self.moving

    def create_topics(self, new, wait_for_metadata):
        for name, topic in new.items():
            assert all(isinstance(value, str) for value in topic["configs"].values())
            self.topics[name] = dict(topic["configs"])
            self.partitions[name] = [[1, 2]] * topic["num_partitions"]

    def create_partitions(self, wanted):
        for name, count in wanted.items():
            self.partitions[name] = [[1, 2]] * count

    def describe_configs(self, resources, config_filter):
        (resource,) = resources
        return {"topic": {resource.name: {key: {"value": value} for key, value in self.topics[resource.name].items()}}}

    def alter_configs(self, resources):
        (resource,) = resources
        self.topics[resource.name] |= {key: value for key, (_, value) in resource.configs.items()}
        return {"topic": {resource.name: "OK"}}


def done(changes):
    """Names of the changes; each is carried out."""
    return [how() or name for name, how in changes]


def test_topics_are_made_once_and_grow():
    admin = Admin()
    assert done(objects.topics(admin, WANTED)) == ["CREATE TOPIC events"]
    assert admin.topics["events"] == {"min.insync.replicas": "2", "x.enable": "true"}
    assert done(objects.topics(admin, WANTED)) == []
    grown = WANTED | {"topics": [EVENTS | {"partitions": 8, "settings": {"x.enable": False}}]}
    assert done(objects.topics(admin, grown)) == ["ADD 2 PARTITIONS TO TOPIC events", "SET x.enable OF TOPIC events"]
    with pytest.raises(Refusal, match="found 8 partitions, wanted 6"):
        done(objects.topics(admin, WANTED))


def test_a_copy_that_moves_is_not_lacking():
    admin = Admin()
    admin.topics, admin.partitions = {"events": {}}, {"events": [[1, 2], [1], [2]]}
    admin.moving = {TopicPartition("events", 2): [1]}
    assert lacking(admin) == ["events-1"]


def test_a_controller_that_moves_while_copies_are_awaited_is_waited_for(monkeypatch):
    looks = iter([RequestTimedOutError("it moves"), []])

    def look(_admin):
        if isinstance(found := next(looks), Exception):
            raise found
        return found

    admin = SimpleNamespace(describe_cluster=lambda: {"brokers": [{"broker_id": 1, "rack": "a"}]}, describe_topics=lambda: [])
    monkeypatch.setattr(placement, "lacking", look)
    monkeypatch.setattr(placement, "account", lambda *_: {})
    monkeypatch.setattr(placement, "KafkaAdminClient", lambda: nullcontext(admin))
    placement.converge({"host": "kafka:9092", "password": "x", "check": False, "patience": 20}, SimpleNamespace(check=False))
    assert next(looks, None) is None


def test_rules_of_a_declared_user_are_all_that_it_has():
    def rule(user, operation, permission=a.ACLPermissionType.ALLOW):
        pattern = a.ResourcePattern(a.ResourceType.TOPIC, "events", a.ACLResourcePatternType.LITERAL)
        return a.ACL(f"User:{user}", "*", operation, permission, pattern)

    there = [
        rule("app", a.ACLOperation.WRITE),
        rule("app", a.ACLOperation.READ, a.ACLPermissionType.DENY),
        rule("else", a.ACLOperation.WRITE),
    ]
    said = []
    admin = SimpleNamespace(
        describe_acls=lambda _: (there, None),
        create_acls=lambda rules: said.extend(rules) or {"failed": []},
        delete_acls=lambda rules: said.extend(rules) or [],
    )
    users = [{"name": "app", "acls": [{"resource": "topic", "name": "events", "operations": ["read"]}]}]
    assert done(objects.rules(admin, {"users": users})) == ["ALLOW app read ON topic events", "NO LONGER ALLOW app write ON topic events"]
    assert said == [rule("app", a.ACLOperation.READ), there[0]]


def test_a_refusal_is_no_success():
    with pytest.raises(Refusal, match="'app': 'no'"):
        objects.accepted({"app": "no", "other": None, "third": "OK"})


def test_a_refused_login_is_none_and_a_silent_server_a_fault(monkeypatch):
    said = []

    def connect(**options):
        for word in said:
            connection.logging.getLogger("kafka").warning("gave up: %s", word)
        raise KafkaTimeoutError

    monkeypatch.setattr(connection, "KafkaAdminClient", connect)
    with pytest.raises(KafkaTimeoutError):
        connection.login("kafka:9092", "admin", "word")
    said.append(SaslAuthenticationFailedError())
    assert connection.login("kafka:9092", "admin", "word") is None


def test_without_a_user_nothing_is_said_of_who_it_is():
    assert connection.account("kafka:9092", None, None)["security_protocol"] == "SSL"
    assert "sasl_plain_password" not in connection.account("kafka:9092", None, None)
    assert connection.account("kafka:9092", "app", "word")["security_protocol"] == "SASL_SSL"
