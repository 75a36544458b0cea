"""static_volumes: what lives stays, what a disk holds comes back to its claim, and new members find room on every node."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter.storage import data_systems, most_together, safe_volumes, static_volumes, unmarked_nodes, volume_directories, volume_of

SYSTEMS = {"postgres": "postgresql", "redis": "redis", "kafka": "kafka"}
SIZING = {"postgresql": {"replicas": 3, "storage": "2Gi"}, "redis": {"replicas": 6, "storage": "1Gi"}}
LEADER = "space/data-postgres-master-0"


def volumes(nodes, live=(), marks=None, sizing=None):
    return static_volumes(SYSTEMS, sizing or SIZING, nodes, "/data", live, marks)


def persistent(volume, claim="", phase="Available", size=None):
    """A volume as the cluster has it."""
    namespace, _, name = claim.partition("/")
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [volume["node"]]}]}
    spec = {"capacity": {"storage": size or volume["size"]}, "local": {"path": volume["path"]}}
    spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    owner = {"claimRef": {"namespace": namespace, "name": name, "uid": "u-1"}} if claim else {}
    return {"metadata": {"name": volume["name"]}, "spec": spec | owner, "status": {"phase": phase}}


def cluster(nodes, **claims):
    """The cluster's volumes on nodes; `claims` says which is bound: {"postgres-a-0": claim}."""
    names = {name.replace("_", "-"): claim for name, claim in claims.items()}
    return [persistent(v, names.get(v["name"], ""), "Bound" if v["name"] in names else "Available") for v in volumes(nodes)]


def of(name, found):
    (volume,) = [volume for volume in found if volume["name"] == name]
    return volume


def test_what_has_members_and_a_size_in_any_class_keeps_data():
    small = {"machine": {"worker": {"cpu": 2}}, "postgresql": {"replicas": 3, "storage": "2Gi"}, "on_demand": {"storage": "8Gi"}}
    large = {**small, "kafka_controller": {"replicas": 3, "cpu_request": "1", "storage": "1Gi"}, "gateway": {"replicas": 2}}
    found = data_systems({"small": small, "large": large}, {"postgresql": "postgres"})
    assert found == {"postgres": "postgresql", "kafka-controller": "kafka_controller"}


def test_a_member_may_land_on_any_node():
    found = [volume for volume in volumes(["a", "b", "c", "d"]) if volume["system"] == "postgres"]
    assert [volume["node"] for volume in found] == ["a", "b", "c", "d"]
    place = {"name": "postgres-a-0", "system": "postgres", "node": "a", "path": "/data/postgres/vol-0"}
    assert found[0] == {**place, "size": "2Gi", "claim": "", "live": ""}


def test_more_members_than_nodes_share_them_evenly():
    redis = [volume["name"] for volume in volumes(["a", "b", "c", "d"]) if volume["system"] == "redis"]
    assert redis == ["redis-a-0", "redis-b-0", "redis-c-0", "redis-d-0", "redis-a-1", "redis-b-1", "redis-c-1", "redis-d-1"]


def test_a_system_without_a_size_has_no_volume():
    assert not [volume for volume in volumes(["a"]) if volume["system"] == "kafka"]


@pytest.mark.parametrize("after", [["a", "b", "c", "d"], ["b", "c", "d"], ["a", "b"], ["d", "e", "f"]])
def test_what_lives_is_as_it_was_whatever_nodes_come_or_go(after):
    live = cluster(["a", "b", "c"], postgres_b_0=LEADER)
    before, now = volumes(["a", "b", "c"], live), volumes(after, live)
    assert [of(volume["name"], now) for volume in before] == before
    assert of("postgres-b-0", now)["claim"] == LEADER
    assert all(not volume["claim"] for volume in now if not volume["live"])


def test_a_volume_grows_with_its_size_class_and_never_becomes_smaller():
    live = cluster(["a", "b", "c"], postgres_b_0=LEADER)
    for storage, size in (("20Gi", "20Gi"), ("1Gi", "2Gi")):
        found = volumes(["a", "b", "c"], live, sizing={"postgresql": {"replicas": 3, "storage": storage}})
        assert of("postgres-b-0", found)["size"] == size


def test_a_cluster_built_again_gives_each_claim_its_own_data():
    marks = {"a": {"/data/postgres/vol-0": "space/data-postgres-master-2"}, "b": {"/data/postgres/vol-0": LEADER}}
    found = volumes(["a", "b", "c"], marks=marks)
    assert of("postgres-a-0", found)["claim"] == "space/data-postgres-master-2"
    assert of("postgres-b-0", found)["claim"] == LEADER
    assert of("postgres-c-0", found)["claim"] == ""


def test_data_beyond_what_the_size_class_has_keep_their_volume():
    """Of a member that came by hand, or of a node that no longer carries pods."""
    found = volumes(["a", "b", "c"], marks={"d": {"/data/postgres/vol-4": LEADER}, "c": {"/data/kafka/vol-0": "space/data-kafka-0"}})
    assert of("postgres-d-4", found) == {
        **of("postgres-d-4", found),
        "node": "d",
        "path": "/data/postgres/vol-4",
        "claim": LEADER,
        "size": "2Gi",
    }
    assert not [volume for volume in found if volume["system"] == "kafka"]


def test_the_cluster_knows_better_than_a_disk():
    """A disk that comes back after its member was made anew elsewhere: the volume is nobody's, and its node is told by data_volumes."""
    live = [item for item in cluster(["a", "b", "c"], postgres_b_0=LEADER) if item["metadata"]["name"] != "postgres-a-0"]
    found = volumes(["a", "b", "c"], live, marks={"a": {"/data/postgres/vol-0": LEADER}})
    assert (of("postgres-a-0", found)["claim"], of("postgres-b-0", found)["claim"]) == ("", LEADER)


def test_two_disks_with_one_claim_are_refused_by_name():
    marks = {node: {"/data/postgres/vol-0": LEADER} for node in ("a", "c")}
    with pytest.raises(AnsibleFilterError, match=rf"{LEADER} at a:/data/postgres/vol-0 and c:/data/postgres/vol-0"):
        volumes(["a", "b", "c"], marks=marks)


def test_a_claim_stays_on_its_volume_and_a_new_one_gets_that_of_its_node():
    live = cluster(["a", "b", "c"], postgres_a_0=LEADER)
    assert volume_of(volumes(["a", "b", "c"], live), LEADER, "postgres", "c")["name"] == "postgres-a-0"
    assert volume_of(volumes(["a", "b", "c"], live), "space/other", "postgres", "c")["name"] == "postgres-c-0"
    with pytest.raises(AnsibleFilterError, match="no free volume of postgres on a, wanted one for the claim space/other"):
        volume_of(volumes(["a", "b", "c"], live), "space/other", "postgres", "a")


def test_a_claim_that_was_made_anew_has_its_new_volume():
    old, new = persistent(volumes(["a"])[0], LEADER, "Released"), persistent(of("postgres-b-0", volumes(["a", "b"])), LEADER, "Bound")
    assert volume_of(volumes(["a", "b"], [old, new]), LEADER, "postgres", "c")["name"] == "postgres-b-0"


def test_how_many_members_share_a_node_is_told_by_their_volumes_and_before_by_the_nodes():
    prefix = "space/data-postgres-master-"
    fresh = volumes(["a", "b", "c"])
    assert [most_together(fresh, prefix, members, ["a", "b", "c"]) for members in (3, 4, 6, 7)] == [1, 2, 2, 3]
    together = [persistent(fresh[0] | {"name": str(n), "node": node}, f"{prefix}{n}", "Bound") for n, node in enumerate("aab")]
    assert most_together(volumes(["a", "b", "c", "d"], together), prefix, 3, ["a", "b", "c", "d"]) == 2
    alone = [persistent(fresh[0] | {"name": str(n), "node": node}, f"{prefix}{n}", "Bound") for n, node in enumerate("abc")]
    assert most_together(volumes(["a", "b"], alone), prefix, 3, ["a", "b"]) == 1  # a node that left the inventory parts nobody
    assert most_together(volumes(["a", "b", "c"], alone), prefix, 6, ["a", "b", "c"]) == 2  # more members are to come


def test_new_volumes_wait_for_a_look_at_their_disk():
    found = volumes(["a", "b", "d"], cluster(["a", "b"]))
    assert {volume["node"] for volume in safe_volumes(found, ["a"])} == {"a", "b"}
    assert {volume["node"] for volume in safe_volumes(found, ["a", "d"])} == {"a", "b", "d"}


def test_disks_that_do_not_know_their_claim_are_found():
    found = volumes(["a", "b"], cluster(["a", "b"], postgres_a_0=LEADER, redis_b_0="space/data-redis-0"))
    assert unmarked_nodes(found, {"a": {"/data/postgres/vol-0": LEADER}}) == ["b"]


def test_a_node_is_told_the_size_in_bytes():
    (told,) = volume_directories([of("postgres-a-0", volumes(["a"], cluster(["a"], postgres_a_0=LEADER)))])
    assert told == {"path": "/data/postgres/vol-0", "claim": LEADER, "size": 2 << 30, "live": True}


def test_no_node_is_an_error():
    with pytest.raises(AnsibleFilterError, match="no node"):
        volumes([])
