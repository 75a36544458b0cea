"""The order of playbooks/kubernetes.yml: what holds the API's address comes before who asks it, and one machine goes first."""

from __future__ import annotations

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template


@pytest.fixture
def plays(project):
    return yaml.safe_load((project / "playbooks/kubernetes.yml").read_text())


def roles(play):
    return [entry["role"] for entry in play.get("roles", [])]


def asks(play):
    """Whether a play needs an API that answers at the cluster's address."""
    return any("require_cluster" in str(task) for task in [*play.get("pre_tasks", []), *play.get("tasks", [])])


def test_what_holds_the_apis_address_is_written_before_the_api_must_answer_there(plays):
    held = next(number for number, play in enumerate(plays) if "kube_vip" in roles(play))
    assert held < next(number for number, play in enumerate(plays) if asks(play))
    (entry,) = (entry for entry in plays[held]["roles"] if entry["role"] == "kube_vip")
    assert entry["when"] == "inventory_hostname in groups['control_plane']"
    assert plays[held]["hosts"] == "nodes:!left_alone", "on every control plane, not only on one that is new"


def test_a_cluster_that_was_founded_just_now_remembers_its_vault(plays):
    task = plays[-1]["tasks"][-1]
    assert task["ansible.builtin.import_tasks"] == "tasks/compare_vault.yml"
    assert "'new_cluster': false" in task["vars"]["vault_guard"], "though it was founded on purpose"


@pytest.mark.parametrize(("groups", "batches"), [({"kubeadm_member": ["cp-1"]}, [1, "100%"]), ({}, ["100%"])])
def test_one_machine_takes_a_new_runtime_first_where_pods_run(plays, groups, batches):
    (play,) = (play for play in plays if {"containerd", "kubelet"} <= set(roles(play)))
    serial = Templar(loader=DataLoader(), variables={"groups": groups}).template(trust_as_template(play["serial"]))
    assert serial == batches


def test_the_next_machine_waits_for_a_kubelet_that_is_well(project):
    tasks = yaml.safe_load((project / "roles/kubelet/tasks/main.yml").read_text())
    written = next(number for number, task in enumerate(tasks) if task.get("register") == "kubelet_configured")
    awaited = next(number for number, task in enumerate(tasks) if "kubelet_configured.changed" in task.get("when", []))
    assert written < awaited and tasks[awaited]["ansible.builtin.uri"]["url"].endswith(":10248/healthz") and tasks[awaited]["until"]
