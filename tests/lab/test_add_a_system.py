"""A stateless service is added to the lab by the lines of docs/how-to/add-a-system.md alone, lives, and is removed again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import replace

import pytest

from tests import how_to, stages
from tests.chaos.cluster import DOMAIN, PLATFORM, objects

pytestmark = pytest.mark.long

SPACE = f"--namespace={PLATFORM['platform_namespaces']['app']}"
OWN = (
    "deployments,horizontalpodautoscalers,poddisruptionbudgets,networkpolicies,services,serviceaccounts",
    SPACE,
    f"-l={DOMAIN}/bundle=echo",
)
KINDS = {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Service", "ServiceAccount"}

SECONDS = 180


def available():
    """How many pods of the service serve."""
    return sum(item.get("status", {}).get("availableReplicas", 0) for item in objects(*OWN) if item["kind"] == "Deployment")


@pytest.fixture
def play(tmp_path):
    """Run a playbook of a copy of this project that has the service, on the lab: gives how many tasks changed, and the output."""
    tree = tmp_path / "tree"
    how_to.copy(tree)
    for step in how_to.SERVICE:  # as the page has it for a lab: with an image that was built
        if step.path == "group_vars/all/artifacts_images.yml":
            continue
        replace(step, text=step.text.replace("lookup('image', 'echo')", "lookup('image', 'toolbox')")).follow(tree)
    environment = {**os.environ, "PYTHONPATH": str(tree), "ANSIBLE_CONFIG": str(tree / "ansible.cfg")}

    def run(name, *options):
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(stages.playbook(name, *options), cwd=tree, env=environment, timeout=600, check=False, **quiet)
        assert done.returncode == 0, done.stdout
        return sum(map(int, re.findall(r"changed=(\d+)", done.stdout))), done.stdout

    return run


def test_a_service_is_added_lives_and_is_removed(play):
    try:
        play("playbooks/services.yml", "--check")
        assert not objects(*OWN)
        assert play("playbooks/services.yml")[0] > 0
        assert play("playbooks/services.yml")[0] == 0

        deadline = time.monotonic() + SECONDS
        while available() < 2:  # a Deployment begins with one, the autoscaler asks for as many as there must be
            assert time.monotonic() < deadline, objects(*OWN)
            time.sleep(2)
        found = objects(*OWN)
        assert {item["kind"] for item in found} == KINDS
        (budget,) = [item for item in found if item["kind"] == "PodDisruptionBudget"]
        assert budget["status"]["disruptionsAllowed"] == 1

        play("playbooks/verify.yml")
        report = json.loads((stages.PROJECT / "inventories/lab/credentials/verify.json").read_text())
        checks = {entry["target"]: entry["result"] for entry in report["findings"] if entry["check"] == "echo"}
        assert len(checks) == 2 and set(checks.values()) == {"ok"}, checks
    finally:
        removed = ("-e", json.dumps({"prune_components": ["echo"]}), "-e", "prune=true")
        play("playbooks/prune.yml", *removed)
    assert not objects(*OWN)
