"""A node is drained, brought back and restarted under streams of acknowledged writes to every system."""

from __future__ import annotations

import json
import time

import pytest

from tests import stages
from tests.chaos.cluster import kubectl, lab, nodes_ready, objects, shell
from tests.chaos.operations import SECONDS, Node, cordoned, judge, killed, node, run, stopping

pytestmark = pytest.mark.long

HELD_SECONDS = 60
BOOTED = "systemctl show --property=UserspaceTimestampMonotonic --property=UserspaceTimestamp"


def accepted(away: Node) -> list[str]:
    """The options by which a node may go for whose members a system stops."""
    return ["-e", f"node={away.name}", "-e", f"accept={','.join(stopping(away))}"]


def booted() -> dict[str, str]:
    """When each machine started."""
    return {one.name: shell(one.name, BOOTED) for one in lab().topology.nodes}


def test_a_drained_node_has_no_pods_and_comes_back_with_all(write):
    worker = node("worker")
    streams, since = write(worker.name), time.time()
    options = accepted(worker)
    run("playbooks/drain.yml", *options)
    assert cordoned() == [worker.name]
    there = {
        pod["metadata"]["name"]: pod["metadata"].get("ownerReferences", [{}])[0].get("kind")
        for pod in objects("pods", f"--field-selector=spec.nodeName={worker.name}")
    }
    assert {kind for kind in there.values() if kind != "Job"} <= {"DaemonSet", "Node"}, there
    assert "changed=0" in run("playbooks/drain.yml", *options).split("PLAY RECAP")[1]
    run("playbooks/uncordon.yml", "-e", f"node={worker.name}")
    assert cordoned() == []
    judge([stream for stream in streams if stream.system.name not in stopping(worker)], since, worker)


def test_a_node_restarts(write):
    worker = node("worker")
    streams, since = write(worker.name), time.time()
    output = run("playbooks/reboot.yml", *accepted(worker))
    assert nodes_ready() and cordoned() == []
    assert f"{worker.name} " in output.split("PLAY RECAP")[1]
    judge(streams, since, worker)


def test_all_machines_restart_in_turn_and_a_run_that_was_killed_goes_on_with_those_that_are_left(write):
    last, before = node("control_plane"), booted()
    workers = [name for name in before if name != last.name]
    streams, since = write(*workers), time.time()
    options = ["-e", "accept=minio,neo4j,elasticsearch"]
    assert killed("playbooks/reboot.yml", *options, task=f"Take out of service {last.name}")
    judge([stream for stream in streams if stream.system.replicas > 1], since, last)
    for stream in streams:
        stream.stop()
    half_way = booted()
    assert {name for name, time in half_way.items() if time != before[name]} == {*workers}
    run("playbooks/reboot.yml", *options)
    assert {name for name, time in booted().items() if time != half_way[name]} == {last.name}
    assert nodes_ready() and cordoned() == []


def test_a_drain_that_a_budget_holds_ends_and_says_by_what():
    away, name = node("worker"), "held"
    worker = away.name
    pod = {"metadata": {"labels": {"app": name}}, "spec": objects("deployment", "toolbox")[0]["spec"]["template"]["spec"]}
    pod["spec"] |= {"nodeName": worker, "tolerations": []}
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
    try:
        for item in (budget, deployment):
            kubectl("create", "--filename=-", text=json.dumps(item))
        kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s", seconds=90)
        began = time.monotonic()
        options = ["-e", f"maintenance_drain_timeout={HELD_SECONDS}"]
        code, output = stages.run("playbooks/drain.yml", *accepted(away), *options, seconds=SECONDS)
    finally:
        kubectl("delete", "deployment,poddisruptionbudget", name, "--ignore-not-found")
    assert code != 0 and name in output and "not drained in" in output, output[-3000:]
    assert time.monotonic() - began < HELD_SECONDS * 4
    assert cordoned() == []
    run("playbooks/uncordon.yml", "-e", f"node={worker}")
