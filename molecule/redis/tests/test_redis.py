"""Redis Cluster as the cluster has it after the role."""

import re

import pytest
from members import NAMESPACE, Kept

SELECTOR = "app.kubernetes.io/name=redis"


@pytest.fixture(scope="module")
def cli(kubectl):
    def run(pod, words):
        return kubectl(f"exec --namespace {NAMESPACE} {pod['metadata']['name']} --container redis -- redis-cli {words}")

    return run


@pytest.fixture(scope="module")
def shards(pods, cli):
    """[(the primary's pod, its replicas' pods)]"""
    lines = [(next(line for line in cli(pod, "CLUSTER NODES").splitlines() if "myself" in line).split(), pod) for pod in pods]
    return [
        (pod, [other for itself, other in lines if itself[3] == identity]) for (identity, _, _, primary, *_), pod in lines if primary == "-"
    ]


def node(pod):
    return pod["spec"]["nodeName"]


class TestKept(Kept):
    """As on any site."""


def test_every_primary_has_a_replica_on_another_node(pods, shards):
    assert len(shards) == len(pods) // 2
    for primary, replicas in shards:
        assert len(replicas) == 1
        assert node(primary) != node(replicas[0])


def test_no_node_holds_most_primaries(shards):
    """Or its failure would leave nobody to elect others."""
    nodes = [node(primary) for primary, _ in shards]
    assert all(2 * nodes.count(name) < len(shards) for name in nodes)


def test_every_slot_is_served(pods, cli):
    for pod in pods:
        info = dict(line.split(":") for line in cli(pod, "CLUSTER INFO").split())
        assert (info["cluster_state"], info["cluster_slots_ok"], info["cluster_known_nodes"]) == ("ok", "16384", str(len(pods)))


def test_data_is_bounded_and_logged(pods, cli):
    for pod in pods:
        memory, persistence = cli(pod, "INFO memory"), cli(pod, "INFO persistence")
        assert int(re.search(r"maxmemory:(\d+)", memory)[1]) > 0
        assert "aof_enabled:1" in persistence and "aof_last_write_status:ok" in persistence


def test_nobody_is_let_in_without_a_name(pods, cli):
    assert cli(pods[0], "ACL GETUSER default").split()[:2] == ["flags", "off"]


def test_every_member_is_measured(fetch, pods):
    for pod in pods:
        assert "\nredis_up 1\n" in fetch(pod, 9121, "metrics")


def test_metrics_do_not_come_with_the_password_of_replication(pods, cli):
    assert "no permissions" in cli(pods[0], "ACL DRYRUN metrics CONFIG GET masterauth")
    assert cli(pods[0], "ACL DRYRUN metrics INFO").strip() == "OK"
