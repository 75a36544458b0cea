"""The namespaces as the cluster has them after the role."""

import json

import pytest

LEVELS = {"voicehelper": "restricted", "voicehelper-storage": "restricted", "voicehelper-monitoring": "privileged"}
ROOT_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "root"},
    "spec": {"containers": [{"name": "root", "image": "example.org/root", "securityContext": {"privileged": True}}]},
}


@pytest.mark.parametrize(("name", "level"), LEVELS.items())
def test_labels(objects, name, level):
    labels = objects(f"namespace {name}")["metadata"]["labels"]
    assert labels["name"] == name
    assert labels["app.kubernetes.io/part-of"] == "voicehelper"
    assert labels["pod-security.kubernetes.io/enforce"] == level


@pytest.mark.parametrize("name", [name for name, level in LEVELS.items() if level == "restricted"])
def test_a_privileged_pod_is_refused(host, kubectl, name):
    with pytest.raises(AssertionError, match='violates PodSecurity "restricted'):
        kubectl(f"apply --namespace {name} --dry-run=server --filename - <<'EOF'\n{json.dumps(ROOT_POD)}\nEOF")


@pytest.mark.parametrize("name", LEVELS)
def test_limits(objects, name):
    quota = objects(f"resourcequota quota --namespace {name}")["spec"]["hard"]
    assert {"requests.cpu", "requests.memory", "limits.memory", "requests.storage", "pods", "services.nodeports"} == set(quota)
    (limit,) = objects(f"limitrange defaults --namespace {name}")["spec"]["limits"]
    assert limit["default"]["memory"] and limit["defaultRequest"]["cpu"]


@pytest.mark.parametrize("name", LEVELS)
def test_the_default_account_has_no_token(objects, name):
    assert objects(f"serviceaccount default --namespace {name}")["automountServiceAccountToken"] is False


def test_databases_outrank_batch_work(objects):
    values = {item["metadata"]["name"]: item["value"] for item in objects("priorityclasses")}
    ranked = [values[f"voicehelper-{name}"] for name in ("critical", "high", "standard", "low")]
    assert ranked == sorted(ranked, reverse=True)
