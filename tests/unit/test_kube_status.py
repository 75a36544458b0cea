"""kube_status: when an object counts as ready, and what is said while it does not."""

from __future__ import annotations

import pytest

from bootstrap.kube.status import Hopeless, awaited, describe, pending


def found(kind, spec=None, status=None, generation=1):
    return {"kind": kind, "metadata": {"name": "x", "namespace": "n", "generation": generation}, "spec": spec or {}, "status": status or {}}


def condition(kind, status="True", **more):
    return {"conditions": [{"type": kind, "status": status, **more}]}


READY = [
    found("Deployment", {"replicas": 2}, {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
    found("Deployment", {"replicas": 0}, {"observedGeneration": 1}),
    found("StatefulSet", {"replicas": 3}, {"observedGeneration": 1, "updatedReplicas": 3, "availableReplicas": 3}),
    found("StatefulSet", {"replicas": 3, "updateStrategy": {"type": "OnDelete"}}, {"availableReplicas": 3, "updatedReplicas": 0}),
    found("DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}),
    found("Job", {}, condition("Complete")),
    found("CustomResourceDefinition", {}, condition("Established")),
    found("APIService", {}, condition("Available")),
    found("Service", {"type": "LoadBalancer"}, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
    found("Service", {"type": "ClusterIP"}),
    found("ConfigMap"),
    found("Certificate", {}, condition("Ready")),
]

WAITING = [
    (found("Deployment", {"replicas": 2}, {"observedGeneration": 1, "updatedReplicas": 1}), "1/2 updated"),
    (found("Deployment", {"replicas": 2}, {"updatedReplicas": 2, "availableReplicas": 1, "replicas": 2}), "1/2 available"),
    (found("Deployment", {"replicas": 1}, {"updatedReplicas": 1, "availableReplicas": 1, "replicas": 2}), "old pods are still ending"),
    (found("Deployment", {}, {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}, generation=2), "not seen the change"),
    (found("StatefulSet", {"replicas": 3}, {"updatedReplicas": 1, "availableReplicas": 3}), "1/3 updated"),
    (found("DaemonSet"), "not scheduled yet"),
    (found("DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3}), "0/3 available"),
    (found("Job"), "no condition Complete"),
    (found("CustomResourceDefinition", {}, {"conditions": None}), "no condition Established"),
    (found("Service", {"type": "LoadBalancer"}), "no load balancer address"),
    (found("Certificate", {}, condition("Ready", "False", message="issuer is missing")), "Ready=False issuer is missing"),
    (None, "does not exist"),
]


@pytest.mark.parametrize("item", READY, ids=lambda item: item["kind"])
def test_ready(item):
    assert pending(item) == ""


@pytest.mark.parametrize(("item", "words"), WAITING)
def test_waiting_says_for_what(item, words):
    assert words in pending(item)


def test_a_failed_job_is_hopeless():
    with pytest.raises(Hopeless, match="BackoffLimitExceeded: too often"):
        pending(found("Job", {}, condition("Failed", reason="BackoffLimitExceeded", message="too often")))


def test_a_condition_of_the_callers_choice_decides():
    node = found("Node", {}, condition("Ready", "False"))
    assert pending(node, {"type": "Ready", "status": "False"}) == ""
    assert "Ready=False" in pending(node, {"type": "Ready"})


def test_only_what_runs_is_awaited():
    assert awaited({"kind": "StatefulSet"}) and not awaited({"kind": "ConfigMap"})


def test_an_object_is_named_with_its_namespace():
    assert describe(found("Deployment")) == "Deployment n/x"
    assert describe({"kind": "Node", "metadata": {"name": "a"}}) == "Node a"
