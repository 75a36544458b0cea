"""What is awaited after a node is back: nodes and etcd as they are, and each system until it has been whole once."""

from dataclasses import replace

from bootstrap.nodes.cluster import Cluster, Node, System
from bootstrap.nodes.etcd import Etcd
from plugins.action.systems_whole import ActionModule

NATS = System("nats", {"nats-0": "w-1"}, whole=True)
REDIS = System("redis", {"redis-0": "w-2"}, whole=True)
BEHIND = replace(REDIS, whole=False, why="redis-0 is behind")


def missing(*systems, but=(), caught_up=(), ready=True, answers=True):
    """What is still missing."""
    cluster = Cluster({"w-1": Node("w-1", False, ready, False)}, Etcd({"cp-1": answers}), systems)
    return list(ActionModule._missing(cluster, set(but), set(caught_up)))


def test_nothing_is_missing_where_all_are_whole():
    assert missing(NATS, REDIS, caught_up=["nats", "redis"]) == []


def test_a_system_that_has_not_been_whole_yet_is_named_with_its_reason():
    assert missing(NATS, BEHIND, caught_up=["nats"]) == ["redis: redis-0 is behind"]


def test_one_that_has_been_whole_is_not_awaited_again():
    assert missing(NATS, BEHIND, caught_up=["nats", "redis"]) == []


def test_what_is_away_on_purpose_is_not_awaited():
    assert missing(NATS, BEHIND, but=["w-2"], caught_up=["nats"]) == []
    assert missing(but=["w-1"], ready=False) == []


def test_nodes_and_etcd_count_as_they_are():
    assert missing(ready=False, answers=False) == ["node w-1 is not Ready", "etcd cp-1 does not answer"]
