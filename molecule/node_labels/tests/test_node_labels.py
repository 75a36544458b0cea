"""The labels that nodes carry."""

import pytest
from reach import addresses

LABEL = "voicehelper.local/role"


@pytest.mark.parametrize("role", ["control_plane", "worker"])
def test_nodes_carry_their_role(objects, role):
    found = {node["metadata"]["name"]: node["metadata"]["labels"].get(LABEL) for node in objects("nodes")}
    assert {found[name] for name in addresses(role)} <= {role.replace("_", "-")}


def test_the_clusters_own_labels_stay(objects):
    for node in objects("nodes"):
        assert node["metadata"]["labels"]["kubernetes.io/hostname"] == node["metadata"]["name"]


def test_control_planes_carry_workloads_where_there_are_fewer_than_three_workers(objects):
    if len(addresses("worker")) < 3:
        taints = [taint["key"] for node in objects("nodes") for taint in node["spec"].get("taints", [])]
        assert "node-role.kubernetes.io/control-plane" not in taints
