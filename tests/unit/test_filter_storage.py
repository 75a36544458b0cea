"""static_volumes: enough volumes, on every node, under names that stay."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

sys.path.append(str(Path(__file__).parents[2] / "plugins/filter"))
from storage import static_volumes

SYSTEMS = {"postgres": "postgresql", "redis": "redis", "kafka": "kafka"}
SIZING = {"postgresql": {"replicas": 3, "storage": "2Gi"}, "redis": {"replicas": 6, "storage": "1Gi"}}


def volumes(nodes):
    return static_volumes(SYSTEMS, SIZING, nodes, "/data")


def test_a_member_may_land_on_any_node():
    found = [volume for volume in volumes(["a", "b", "c", "d"]) if volume["system"] == "postgres"]
    assert [volume["node"] for volume in found] == ["a", "b", "c", "d"]
    assert found[0] == {"name": "postgres-a-0", "system": "postgres", "node": "a", "path": "/data/postgres/vol-0", "size": "2Gi"}


def test_more_members_than_nodes_share_them_evenly():
    redis = [volume["name"] for volume in volumes(["a", "b", "c", "d"]) if volume["system"] == "redis"]
    assert redis == ["redis-a-0", "redis-b-0", "redis-c-0", "redis-d-0", "redis-a-1", "redis-b-1", "redis-c-1", "redis-d-1"]


def test_a_system_without_a_size_has_no_volume():
    assert not [volume for volume in volumes(["a"]) if volume["system"] == "kafka"]


def test_names_stay_when_nodes_come():
    before, after = ({volume["name"] for volume in volumes(nodes)} for nodes in (["a", "b", "c"], ["a", "b", "c", "d"]))
    postgres = {name for name in before if name.startswith("postgres")}
    assert postgres <= after


def test_no_node_is_an_error():
    with pytest.raises(AnsibleFilterError, match="no node"):
        volumes([])
