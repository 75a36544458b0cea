"""Storage classes and static volumes of the running cluster."""

import pytest


@pytest.mark.parametrize(
    ("name", "reclaim", "default"),
    [("voicehelper-standard", "Delete", "true"), ("voicehelper-ssd", "Retain", "false"), ("voicehelper-fast", "Delete", "false")],
)
def test_classes(objects, name, reclaim, default):
    found = objects(f"storageclass {name}")
    assert found["reclaimPolicy"] == reclaim
    assert found["volumeBindingMode"] == "WaitForFirstConsumer"
    assert found["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == default


def test_every_workload_node_has_a_volume_for_postgres(objects):
    volumes = objects("persistentvolumes --selector voicehelper.local/system=postgres")
    terms = [volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0] for volume in volumes]
    tainted = [node for node in objects("nodes") if any(t["effect"] == "NoSchedule" for t in node["spec"].get("taints", []))]
    nodes = {node["metadata"]["name"] for node in objects("nodes")} - {node["metadata"]["name"] for node in tainted}
    assert {value for term in terms for value in term["values"]} == nodes
    assert all(volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain" for volume in volumes)
