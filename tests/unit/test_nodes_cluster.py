"""Where members are: on the node of their pod, or, while they are on none, where their volume lies."""

from types import SimpleNamespace

import pytest

from bootstrap.nodes.cluster import Reader, Volume, _by_node, _placed


def pod(name, owner, node="", claim="", kind="StatefulSet", phase="Running"):
    volumes = [{"persistentVolumeClaim": {"claimName": claim}}] if claim else []
    meta = {"name": name, "namespace": "space", "ownerReferences": [{"kind": kind, "name": owner}]}
    return {"metadata": meta, "spec": {"nodeName": node, "volumes": volumes}, "status": {"phase": phase}}


KAFKA = {"namespace": "space", "workload": "kafka", "other_workloads": ["kafka-controller"]}
PODS = [
    pod("kafka-0", "kafka", "w-1", "data-kafka-0"),
    pod("kafka-1", "kafka", "", "data-kafka-1"),
    pod("kafka-controller-0", "kafka-controller", "w-3"),
    pod("redis-0", "redis", "w-2"),
]


def test_members_of_all_its_workloads_are_a_systems_and_one_on_no_node_belongs_where_its_volume_lies():
    placed = _placed(PODS, [Volume("vol-1", "w-2", "space/data-kafka-1")])
    assert placed(KAFKA) == {"kafka-0": "w-1", "kafka-1": "w-2", "kafka-controller-0": "w-3"}
    assert placed({"namespace": "space", "workload": "nats"}) == {}


def test_a_drain_moves_neither_daemons_nor_static_pods_nor_what_has_ended():
    fixed = [
        pod("agent", "agent", "w-1", kind="DaemonSet"),
        pod("etcd", "w-1", "w-1", kind="Node"),
        pod("job", "job", "w-1", kind="Job", phase="Succeeded"),
    ]
    assert _by_node([*PODS, *fixed]) == {"w-1": ["space/kafka-0"], "w-3": ["space/kafka-controller-0"], "w-2": ["space/redis-0"]}


@pytest.mark.parametrize(("phase", "claim"), [("Bound", "space/data-kafka-0"), ("Available", "space/data-kafka-0"), ("Released", "")])
def test_a_volume_that_its_claim_let_go_of_is_nobodys(phase, claim):
    """The claim of that name may have another volume by now, with the only copy of its data."""
    rule = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["w-1"]}
    spec = {
        "claimRef": {"namespace": "space", "name": "data-kafka-0"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}},
    }
    api = SimpleNamespace(request=lambda *_: {"items": [{"metadata": {"name": "vol-1"}, "spec": spec, "status": {"phase": phase}}]})
    reader = Reader(api, dict.fromkeys(("systems", "kubeconfig", "kubectl", "namespace"), ""))
    assert list(reader._volumes()) == [Volume("vol-1", "w-1", claim)]
