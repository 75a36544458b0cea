"""lab/workload.py: when all that a cluster runs on a node is back after a restart."""

from __future__ import annotations

import json

import pytest

from lab import workload
from lab.state import LabError

BEFORE, RESTART, AFTER = "2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z", "2026-01-01T10:00:09Z"


def pod(name, *, ready="True", phase="Running", starts=(AFTER,)):
    containers = [{"state": {"running": {"startedAt": start}} if start else {"waiting": {}}} for start in starts]
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {"namespace": "space", "name": name},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": containers},
    }


@pytest.mark.parametrize(
    "candidate",
    [
        pod("p", ready="False"),
        pod("p", starts=(BEFORE,)),  # what the API tells before the node's kubelet reports again
        pod("p", starts=(AFTER, BEFORE)),
        pod("p", starts=(RESTART,)),
        pod("p", starts=(None,)),
        {"metadata": {"namespace": "space", "name": "p"}, "status": {"phase": "Pending"}},
    ],
)
def test_a_pod_is_missing(candidate):
    assert workload.missing([pod("back"), candidate], RESTART) == ["space/p"]


def test_pods_that_are_back_or_ended_are_not_missing():
    assert workload.missing([pod("back"), pod("job", ready="False", phase="Succeeded", starts=(BEFORE,))], RESTART) == []


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An inventory whose kubectl says what its file ``answer`` holds, and fails while there is none."""
    program = tmp_path / "credentials/bin/kubectl"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    program.chmod(0o700)
    workload.kubeconfig(tmp_path).touch()
    monkeypatch.setattr(workload, "BACK_SECONDS", 0.3)
    monkeypatch.setattr(workload, "_PAUSE_SECONDS", 0.05)
    return tmp_path


def test_waiting_ends_when_all_pods_are_back(site):
    (site / "answer").write_text(json.dumps({"items": [pod("back")]}))
    workload.wait(site, "node-1", RESTART)


def test_waiting_names_the_node_and_what_is_missing(site):
    (site / "answer").write_text(json.dumps({"items": [pod("back"), pod("lame", ready="False")]}))
    with pytest.raises(LabError, match=r"node-1: .* space/lame$"):
        workload.wait(site, "node-1", RESTART)


def test_waiting_says_what_kubectl_said(site):
    with pytest.raises(LabError, match=r"answer: No such file"):
        workload.wait(site, "node-1", RESTART)


def test_there_is_no_kubectl_without_a_cluster(tmp_path):
    with pytest.raises(LabError, match="no cluster yet"):
        workload.kubectl(tmp_path)


def test_members_are_the_nodes_of_a_cluster_that_answers(site):
    assert workload.members(site) == set()  # kubectl fails
    (site / "answer").write_text("node/lab-cp-1\nnode/lab-worker-1\n")
    assert workload.members(site) == {"lab-cp-1", "lab-worker-1"}
    workload.kubeconfig(site).unlink()
    assert workload.members(site) == set()
