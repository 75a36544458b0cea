"""What the role left of two systems, and what k8s_prune says and does at the API server that the scenario made."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
LABEL = "example.org/bundle"


@pytest.fixture(scope="module")
def kubeconfig():
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "api/kubeconfig"


@pytest.fixture
def prune(kubeconfig, tmp_path):
    """Run the module: `prune(*options, **arguments)` gives the result of the task, and all that was shown."""

    def run(*options, **arguments):
        keep = {"content": "{{ result }}", "dest": str(tmp_path / "result")}
        tasks = [
            {"k8s_prune": {"kubeconfig": str(kubeconfig), "label": LABEL, **arguments}, "register": "result"},
            {"ansible.builtin.copy": keep, "check_mode": False},
        ]
        playbook = tmp_path / "play.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(playbook), *options]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
        return json.loads((tmp_path / "result").read_text()), done.stdout

    return run


def reference(kind, name, namespace="default", version="v1"):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def config_map(name, bundle):
    return {**reference("ConfigMap", name), "metadata": {"name": name, "namespace": "default", "labels": {LABEL: bundle}}}


def of_system(name):
    yield reference("ConfigMap", name)
    yield reference("Service", name)
    yield reference("NetworkPolicy", name, version="networking.k8s.io/v1")
    yield reference("NetworkPolicy", f"access-{name}", "kube-system", "networking.k8s.io/v1")
    yield reference("PodDisruptionBudget", name, version="policy/v1")
    yield reference("StatefulSet", name, version="apps/v1")


def test_a_system_that_the_mode_does_not_have_is_gone_from_every_namespace(api):
    assert [item for item in of_system("kafka") if api.get(item)] == []


def test_a_system_that_the_mode_has_stays(api):
    assert [item for item in of_system("redis") if not api.get(item)] == []


def test_volumes_stay_and_so_does_what_only_carries_a_copy_of_the_label(api):
    assert api.get(reference("PersistentVolumeClaim", "data-kafka-0"))
    assert api.get(reference("ConfigMap", "copied"))


def test_nothing_goes_untold_but_it_is_named(prune, api):
    api.apply(config_map("spare", "untold"), "untold")
    result, shown = prune(bundles=["untold", "absent"])
    assert not result["changed"] and result["objects"] == ["ConfigMap default/spare"]
    assert "Not in the mode, but there: untold (1 objects)." in shown and "-e prune=true" in shown
    assert api.get(config_map("spare", "untold"))


def test_a_check_shows_what_would_go(prune, api):
    api.apply(config_map("checked", "checked"), "checked")
    result, shown = prune("--check", bundles=["checked"], remove=True)
    assert result["changed"] and "1 objects would be removed:" in shown and "checked: ConfigMap default/checked" in shown
    assert api.get(config_map("checked", "checked"))


def test_told_it_shows_removes_and_finds_nothing_more(prune, api):
    for name in ("one", "two"):
        api.apply(config_map(name, "told"), "told")
    result, shown = prune(bundles=["told"], remove=True)
    assert result["changed"] and "2 objects are removed:" in shown and "told: ConfigMap default/one, ConfigMap default/two" in shown
    assert not api.get(config_map("one", "told")) and not api.get(config_map("two", "told"))
    again, shown = prune(bundles=["told"], remove=True)
    assert not again["changed"] and "Not in the mode" not in shown


def test_claims_that_stay_are_named(prune, api):
    labels = {"matchLabels": {"app": "store"}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    template = {"metadata": {"labels": labels["matchLabels"]}, "spec": {"containers": [{"name": "main", "image": "example.org/main:1"}]}}
    store = reference("StatefulSet", "store", version="apps/v1")
    store["metadata"]["labels"] = {LABEL: "store"}
    api.apply(
        {**store, "spec": {"serviceName": "store", "selector": labels, "template": template, "volumeClaimTemplates": [claim]}}, "store"
    )
    api.apply({**reference("PersistentVolumeClaim", "data-store-0"), "spec": claim["spec"]}, "controller")
    result, shown = prune(bundles=["store"], remove=True)
    assert result["kept"] == ["default/data-store-0"] and "volumes behind them: default/data-store-0" in shown
    assert not api.get(store) and api.get(reference("PersistentVolumeClaim", "data-store-0"))
