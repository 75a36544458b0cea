"""The policies that a namespace starts with."""

import pytest

NAMESPACES = ["voicehelper", "voicehelper-storage", "voicehelper-monitoring", "default", "kube-node-lease", "kube-public", "kube-system"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_nothing_passes_by_default(objects, namespace):
    policy = objects(f"networkpolicy default-deny --namespace {namespace}")["spec"]
    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_names_are_resolved(objects, namespace):
    (rule,) = objects(f"networkpolicy allow-dns --namespace {namespace}")["spec"]["egress"]
    assert {(port["protocol"], port["port"]) for port in rule["ports"]} == {("UDP", 53), ("TCP", 53)}
    (server,) = rule["to"]
    assert server["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert server["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


def test_the_policy_means_the_servers_that_are_there(objects):
    assert objects("pods --namespace kube-system --selector k8s-app=kube-dns")
