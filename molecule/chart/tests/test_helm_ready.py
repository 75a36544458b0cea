"""helm_ready against a real API server and the real helm."""

from __future__ import annotations

POD = {"containers": [{"name": "main", "image": "example.org/main:1"}]}
SPEC = {"selector": {"matchLabels": {"app": "tiny"}}, "template": {"metadata": {"labels": {"app": "tiny"}}, "spec": POD}}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tiny"}}
SERVER = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "tiny"}, "spec": SPEC}
WORKS = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}


def test_a_release_is_awaited_by_what_is_in_it(helm, chart, on_release, api):
    assert "found no record of it as deployed" in on_release("helm_ready", 1)["msg"]
    assert helm("upgrade", "--install", "tiny", chart(SETTINGS, SERVER)).wait() == 0

    failed = on_release("helm_ready", 1)["msg"]  # no controller makes its pods
    assert failed.startswith("release default/tiny: not ready in time\n  Deployment default/tiny: "), failed
    assert on_release("helm_ready", 1, "--check")["objects"] == 0

    live = {**SERVER, "metadata": {"name": "tiny", "namespace": "default"}}
    api.request("PATCH", api.path(live) + "/status", body={"status": WORKS}, content_type="application/merge-patch+json")
    ready = on_release("helm_ready", 1)
    assert (ready["changed"], ready["objects"]) == (False, 1)


def test_only_the_newest_record_counts(helm, chart, on_release):
    assert helm("upgrade", "--install", "tiny", chart(SETTINGS)).wait() == 0
    assert on_release("helm_ready", 1)["objects"] == 0
