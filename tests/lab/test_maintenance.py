"""A node is drained, brought back and restarted under streams of acknowledged writes to every system: none is lost, and none waits longer
than docs/reliability.md says of a node that restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from lab.state import LabError
from tests import stages
from tests.chaos.cluster import ClusterError, kubectl, members, nodes_ready, objects
from tests.chaos.events import EVENTS
from tests.chaos.stream import Stream
from tests.chaos.systems import SYSTEMS, System

pytestmark = pytest.mark.long

SECONDS = 2400
HELD_SECONDS = 60
(REBOOTED,) = [event for event in EVENTS if event.name == "node-rebooted"]


def worker() -> str:
    """The node that is operated on."""
    return [node.name for node in stages.topology().nodes if node.role == "worker"][-1]


def cordoned() -> list[str]:
    """Nodes that take no pods."""
    return [node["metadata"]["name"] for node in objects("nodes") if node["spec"].get("unschedulable")]


def deployed() -> list[System]:
    """The systems of the lab's mode."""
    try:
        return [system for system in SYSTEMS if system.replicas]
    except (ClusterError, LabError):  # no cluster: the tests say so, not their collection
        return []


@pytest.fixture
def streams() -> Iterator[list[Stream]]:
    """A stream of writes to each system, from another node than the one that is operated on."""
    made = [Stream(system) for system in deployed()]
    assert made
    try:
        for stream in made:
            stream.start(avoid=worker())
        yield made
    finally:
        for stream in made:
            stream.close()


def run(playbook: str, *options: str, seconds: float = SECONDS) -> str:
    """Run a playbook on the lab, which has to succeed; its output."""
    code, output = stages.run(playbook, *options, seconds=seconds)
    assert code == 0, output[-5000:]
    return output


def judge(streams: list[Stream], since: float, away: dict[str, int]) -> None:
    """No acknowledged write is gone, and no system was silent for longer than it may be."""
    wrong = []
    for stream in streams:
        stream.go_on(time.time())
        verdict, system = stream.judge(since), stream.system
        bound = REBOOTED.alone if system.replicas == 1 or away[system.name] > system.spare else REBOOTED.bound
        print(f"   {system.name}: {verdict.silence:.1f} s without writes, {len(verdict.lost)} of {verdict.acknowledged} lost")
        if verdict.lost or verdict.silence > bound:
            wrong.append(f"{system.name}: lost {verdict.lost[:3]}, {verdict.silence:.0f} s without writes, at most {bound:.0f}")
    assert not wrong


def lost_with(node: str) -> dict[str, int]:
    """How many members of each system a node has."""
    return {system.name: sum(member.node == node for member in members(system.workload)) for system in deployed()}


def test_a_drained_node_has_no_pods_and_comes_back_with_all(streams):
    node, since = worker(), time.time()
    away = lost_with(node)
    accepted = ",".join(system.name for system in deployed() if system.replicas == 1)
    run("playbooks/drain.yml", "-e", f"node={node}", "-e", f"accept={accepted}")
    assert cordoned() == [node]
    there = {
        pod["metadata"]["name"]: pod["metadata"].get("ownerReferences", [{}])[0].get("kind")
        for pod in objects("pods", f"--field-selector=spec.nodeName={node}")
    }
    assert {kind for kind in there.values() if kind != "Job"} <= {"DaemonSet", "Node"}, there
    assert "changed=0" in run("playbooks/drain.yml", "-e", f"node={node}", "-e", f"accept={accepted}").split("PLAY RECAP")[1]
    run("playbooks/uncordon.yml", "-e", f"node={node}")
    assert cordoned() == []
    judge([stream for stream in streams if away[stream.system.name] < stream.system.replicas], since, away)


def test_a_node_restarts(streams):
    node, since = worker(), time.time()
    away = lost_with(node)
    output = run("playbooks/reboot.yml", "-e", f"node={node}")
    assert nodes_ready() and cordoned() == []
    assert f"{node} " in output.split("PLAY RECAP")[1]
    judge(streams, since, away)


def test_a_drain_that_a_budget_holds_ends_and_says_by_what(tmp_path):
    node = worker()
    name = "held"
    pod = {"metadata": {"labels": {"app": name}}, "spec": objects("deployment", "toolbox")[0]["spec"]["template"]["spec"]}
    pod["spec"] |= {"nodeName": node, "tolerations": []}
    pod["spec"]["containers"][0]["command"] = ["sleep", "infinity"]
    selector = {"matchLabels": {"app": name}}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"maxUnavailable": 0, "selector": selector},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": selector, "template": pod},
    }
    accepted = ",".join(system.name for system in deployed() if system.replicas == 1)
    try:
        for item in (budget, deployment):
            kubectl("create", "--filename=-", text=json.dumps(item))
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s", seconds=90)
        began = time.monotonic()
        options = ["-e", f"node={node}", "-e", f"accept={accepted}", "-e", f"maintenance_drain_timeout={HELD_SECONDS}"]
        code, output = stages.run("playbooks/drain.yml", *options, seconds=SECONDS)
    finally:
        kubectl("delete", "deployment,poddisruptionbudget", name, "--ignore-not-found")
    assert code != 0 and name in output and "not drained in" in output, output[-3000:]
    assert time.monotonic() - began < HELD_SECONDS * 4
    assert cordoned() == []
    run("playbooks/uncordon.yml", "-e", f"node={node}")
