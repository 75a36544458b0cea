"""k8s_bundle keeps the members of a live StatefulSet, and what their claims ask for."""

from __future__ import annotations


def config_map(name, namespace="default", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def stateful_set(name, **spec):
    labels = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "example.org/main:1"}]}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"serviceName": name, "selector": {"matchLabels": labels}, "template": template, "volumeClaimTemplates": [claim], **spec},
    }


def test_members_are_kept_until_their_loss_is_confirmed_by_name(bundle, api):
    bundle(stateful_set("store", replicas=3), wait=False)
    for options in ([], ["--check"]):
        answer = bundle(
            config_map("beside"), stateful_set("store", replicas=1), wait=False, options=options, confirmed=["scale-down:other"]
        )
        assert answer["failed"] and "nothing was changed" in answer["msg"]
        assert "StatefulSet default/store: spec.replicas: found 3, wanted 1" in answer["msg"]
        assert "store-1, store-2 and what only they hold" in answer["msg"] and "claims data-store-1, data-store-2" in answer["msg"]
        assert "-e confirm=scale-down:store" in answer["msg"]
        assert api.get(config_map("beside")) is None and api.get(stateful_set("store"))["spec"]["replicas"] == 3
    assert not bundle(stateful_set("store", replicas=1), wait=False, confirmed=["scale-down:store"]).get("failed")
    assert api.get(stateful_set("store"))["spec"]["replicas"] == 1


def test_members_are_kept_before_they_are_stopped_to_start_together(bundle, api):
    def store(replicas, together):
        item = stateful_set("pools", replicas=replicas)
        item["metadata"]["annotations"] = {"test.example.org/together": together}
        return item

    bundle(store(8, "old"), wait=False)
    for options in ([], ["--check"]):
        assert "spec.replicas: found 8, wanted 4" in bundle(store(4, "new"), wait=False, options=options)["msg"]
        assert api.get(stateful_set("pools"))["spec"]["replicas"] == 8
    api.request("PATCH", api.path(stateful_set("pools")), body={"spec": {"replicas": 0}}, content_type="application/merge-patch+json")
    assert "spec.replicas: found 8, wanted 4" in bundle(store(4, "new"), wait=False)["msg"]
    assert not bundle(store(8, "new"), wait=False).get("failed")
    assert api.get(stateful_set("pools"))["spec"]["replicas"] == 8


def test_members_of_a_deleted_set_are_known_by_their_claims(bundle, api):
    volume = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-gone-2", "namespace": "default"}}
    volume["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    bundle(volume, wait=False)
    assert "spec.replicas: found 3, wanted 1" in bundle(stateful_set("gone", replicas=1), wait=False)["msg"]
    assert not bundle(stateful_set("gone", replicas=3), wait=False).get("failed")


def claim_of(size):
    return [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}]


def volume_of(name, size):
    """A member's claim of 1Gi and the volume of this size that it is bound to."""
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"data-{name}-0", "namespace": "default"},
        "spec": spec,
    }
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["a"]}]}
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "local": {"path": f"/data/{name}"}, "storageClassName": "none"}
    spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    return claim, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def test_a_bigger_size_class_keeps_the_claims_once_their_volumes_have_grown(bundle, api):
    claim, volume = volume_of("grown", "1Gi")
    for item in (volume, claim):
        api.apply(item, "test")
    bundle(stateful_set("grown", replicas=1), wait=False)
    bigger = stateful_set("grown", replicas=2, volumeClaimTemplates=claim_of("20Gi"))
    refused = bundle(bigger, wait=False)
    assert refused["failed"] and "the volume grown of data-grown-0 has 1Gi, wanted 20Gi; let the volumes grow first" in refused["msg"]
    assert not bundle(bigger, wait=False, options=["--check"]).get("failed")
    api.apply(volume_of("grown", "20Gi")[1], "test")
    answer = bundle(bigger, wait=False)
    assert answer["changed_objects"] == ["StatefulSet default/grown changed"], answer.get("msg")
    assert answer["kept"] == [
        "StatefulSet default/grown: claims go on asking for 1Gi, wanted 20Gi: what they get is the size of their volumes"
    ]
    live = api.get(bigger)["spec"]
    assert (live["replicas"], live["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]) == (2, "1Gi")
    assert not bundle(bigger, wait=False)["changed"]


def test_a_smaller_size_class_keeps_claims_and_volumes(bundle, api):
    bundle(stateful_set("shrunk", volumeClaimTemplates=claim_of("20Gi")), wait=False)
    assert bundle(stateful_set("shrunk"), wait=False)["changed"] is False


def test_a_claim_keeps_what_it_asked_for(bundle, api):
    claim, volume = volume_of("single", "20Gi")
    for item in (volume, claim):
        api.apply(item, "test")
    bigger = claim | {"spec": claim["spec"] | {"resources": {"requests": {"storage": "20Gi"}}}}
    assert not bundle(bigger, wait=False).get("failed")
    assert api.get(claim)["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_more_members_need_no_confirmation(bundle, api):
    bundle(stateful_set("growing", replicas=1), wait=False)
    assert not bundle(stateful_set("growing", replicas=5), wait=False).get("failed")
    assert api.get(stateful_set("growing"))["spec"]["replicas"] == 5


def test_a_number_of_members_that_somebody_else_decides_is_no_loss(bundle, api):
    bundle(stateful_set("scaled"), wait=False)
    api.apply(stateful_set("scaled", replicas=4), "autoscaler")
    assert not bundle(stateful_set("scaled"), wait=False).get("failed")
    assert api.get(stateful_set("scaled"))["spec"]["replicas"] == 4


def test_a_number_of_members_that_is_no_longer_stated_is_a_loss(bundle, api):
    bundle(stateful_set("stated", replicas=3), wait=False)
    assert "found 3, wanted 1" in bundle(stateful_set("stated"), wait=False)["msg"]
    assert api.get(stateful_set("stated"))["spec"]["replicas"] == 3
