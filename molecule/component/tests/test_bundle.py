"""k8s_bundle against a real API server: no controller runs behind it, so nothing that it makes ever becomes ready by itself."""

from __future__ import annotations

import base64
import json


def config_map(name, namespace="default", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def deployment(name):
    labels = {"app.kubernetes.io/name": name}
    spec = {"containers": [{"name": "main", "image": "example.org/main:1"}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    meta = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def crd(plural, kind):
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]
    names = {"plural": plural, "kind": kind}
    spec = {"group": "test.example.org", "scope": "Namespaced", "names": names, "versions": versions}
    meta = {"name": f"{plural}.test.example.org"}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}


def test_a_second_apply_changes_nothing(bundle, api):
    first = bundle(config_map("same", a="1"), config_map("other", b="2"))
    assert first["changed"] and first["changed_objects"] == ["ConfigMap default/same created", "ConfigMap default/other created"]
    version = api.get(config_map("same"))["metadata"]["resourceVersion"]
    second = bundle(config_map("same", a="1"), config_map("other", b="2"))
    assert not second["changed"] and second["changed_objects"] == []
    assert api.get(config_map("same"))["metadata"]["resourceVersion"] == version


def test_an_edit_by_hand_is_put_right_and_a_dropped_key_goes(bundle, api):
    bundle(config_map("drift", a="1", b="2"))
    api.apply(config_map("drift", a="by hand"), "somebody")
    answer = bundle(config_map("drift", a="1"))
    assert answer["changed_objects"] == ["ConfigMap default/drift changed"]
    assert api.get(config_map("drift"))["data"] == {"a": "1"}


def test_objects_carry_the_labels_of_the_bundle(bundle, api):
    bundle(config_map("labelled", a="1"))
    assert api.get(config_map("labelled"))["metadata"]["labels"] == {"bundle": "test"}


def test_check_mode_tells_and_keeps_nothing(bundle, api):
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}
    thing = {"apiVersion": "test.example.org/v1", "kind": "Unseen", "metadata": {"name": "x", "namespace": "new"}}
    documents = (namespace, config_map("inside", "new", a="1"), crd("unseens", "Unseen"), thing)
    answer = bundle(*documents, options=["--check"])
    assert answer["changed"] and len(answer["changed_objects"]) == 4
    assert api.get(namespace) is None


def test_a_definition_and_its_object_come_together(bundle, api):
    thing = {"apiVersion": "test.example.org/v1", "kind": "Thing", "metadata": {"name": "x", "namespace": "fresh"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
    answer = bundle(thing, crd("things", "Thing"), namespace)  # in the wrong order, as a template may have them
    assert answer["changed"], answer.get("msg")
    assert api.get(thing)


def test_all_refusals_are_told_at_once(bundle):
    typo = config_map("typo") | {"dota": {"a": "1"}}
    nowhere = config_map("nowhere", "absent", a="1")
    answer = bundle(typo, nowhere, config_map("fine", a="1"))
    assert answer["failed"]
    assert "2 of 3 objects were refused" in answer["msg"]
    assert "ConfigMap default/typo" in answer["msg"] and "dota" in answer["msg"]
    assert "ConfigMap absent/nowhere" in answer["msg"] and "not found" in answer["msg"]


def test_a_template_that_is_no_yaml_is_shown_where_it_breaks(bundle):
    answer = bundle("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ platform_name }}\ndata: {}\n")
    assert "renders to no YAML" in answer["msg"] and "3 metadata: {name: voicehelper" in answer["msg"]


def test_secrets_are_stored_but_never_shown(bundle, api):
    def secret(text):
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}, "stringData": {"password": text}}

    bundle(secret("first-password"))
    answer = bundle(secret("second-password"), options=["--diff"])
    assert base64.b64decode(api.get(secret(""))["data"]["password"]) == b"second-password"
    shown = json.dumps(answer)
    assert "(hidden) before" in shown and "(hidden) after" in shown
    for text in ("first-password", "second-password"):
        assert text not in shown and base64.b64encode(text.encode()).decode() not in shown


def test_what_does_not_become_ready_is_explained(bundle, api):
    involved = {"apiVersion": "v1", "kind": "Pod", "name": "slow-abc", "namespace": "default"}
    meta = {"name": "slow-abc", "namespace": "default", "labels": {"app.kubernetes.io/name": "slow"}}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}, "test")
    container = {"name": "main", "image": "example.org/main:1"}
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}, "test")
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "slow-1", "namespace": "default"}, "involvedObject": involved}
    api.apply({**event, "reason": "FailedScheduling", "message": "0/3 nodes are available"}, "test")
    answer = bundle(deployment("slow"), timeout=2)
    assert "test: not ready in time" in answer["msg"]
    assert "Deployment default/slow: 0/1 updated" in answer["msg"]
    assert "pod slow-abc Pending on no node yet" in answer["msg"]
    assert "event slow-abc FailedScheduling: 0/3 nodes are available" in answer["msg"]


def test_waiting_can_be_declined_or_aimed_at_something_else(bundle):
    assert not bundle(deployment("slow"), wait=False).get("failed")
    there = {"api_version": "v1", "kind": "ConfigMap", "name": "same", "namespace": "default"}
    assert not bundle(deployment("slow"), wait=[there], timeout=2).get("failed")
    absent = bundle(deployment("slow"), wait=[there | {"name": "absent"}], timeout=1)
    assert "ConfigMap default/absent: does not exist" in absent["msg"]


def test_a_failed_job_ends_the_wait_at_once(bundle, api):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.org/main:1"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": "default"}, "spec": {"template": template}}
    bundle(job, wait=False)
    conditions = [
        {"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "it failed too often", "lastTransitionTime": None}
        for kind in ("FailureTarget", "Failed")
    ]
    status = {"conditions": conditions, "startTime": "2026-01-01T00:00:00Z"}
    path = f"{api.path(job)}/status"
    api.request("PATCH", path, body={"status": status}, content_type="application/merge-patch+json")
    answer = bundle(job, timeout=120)
    assert "test: failed" in answer["msg"] and "it failed too often" in answer["msg"]


def test_without_a_cluster_it_says_what_makes_one(bundle):
    answer = bundle(config_map("x"), kubeconfig="/nonexistent")
    assert "kubeconfig /nonexistent: found no file; wanted the cluster's, which playbooks/kubernetes.yml delivers" in answer["msg"]
