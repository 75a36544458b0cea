"""What can happen: generic, bounded, and undone whatever becomes of the test."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.chaos import cluster
from tests.chaos.cluster import (
    DATA,
    DOMAIN,
    PROJECT,
    ClusterError,
    Member,
    kubectl,
    lab,
    nodes_ready,
    replaced,
    shell,
    wait,
)
from tests.chaos.systems import SYSTEMS, System

LAB = str(Path(sys.executable).parent / "lab")
BOOT_SECONDS = 300
RESTART_SECONDS = 420
MARK = f"{DOMAIN}/chaos"
POLICY = "chaos-partition"
FILL = "chaos-fill"

# Takes every free block of the data volume, and only there. A timer of the node's own gives them back, should nobody else do it.
_FILL = f"""
if ! findmnt --mountpoint {DATA} >/dev/null; then echo '{DATA} is no volume of its own: not filled' >&2; exit 1; fi
systemctl stop {FILL}.timer 2>/dev/null || true
systemd-run --quiet --collect --unit={FILL} --on-active=SECONDS --timer-property=AccuracySec=1s rm --force {DATA}/.{FILL}
place=0
for chunk in 1073741824 67108864 4194304 262144 16384 4096; do
  while fallocate --offset=$place --length=$chunk {DATA}/.{FILL} 2>/dev/null; do place=$((place + chunk)); done
done
"""
_EMPTY = f"rm --force {DATA}/.{FILL}; systemctl stop {FILL}.timer 2>/dev/null || true"


@dataclass(frozen=True)
class Hit:
    """What an event strikes: the leading members of systems, all on one node."""

    node: str
    leaders: dict[System, Member]


@dataclass(frozen=True)
class Event:
    """Something that happens. `machine`: it strikes a whole node. `bound`: seconds without writes that a system may take at most, and
    `alone` where it loses more members than it can do without, as its only one."""

    name: str
    about: str
    run: Callable[[Hit], None]
    bound: float
    alone: float
    machine: bool = False


def kill(hit: Hit) -> None:
    """The first process of the container gets SIGKILL."""
    for system, leader in hit.leaders.items():
        cluster.kill(leader.node, leader.containers[system.container])


def drain(hit: Hit) -> None:
    """The leader's pod leaves in good order, as in a drain or an update."""
    for leader in hit.leaders.values():
        kubectl("delete", "pod", "--wait=false", leader.name, f"--namespace={leader.namespace}")


def restart(hit: Hit) -> None:
    """All pods end at once, each in good order, and come back with new addresses."""
    for system in hit.leaders:
        before = system.members()
        kubectl("delete", "pod", "--wait=false", *(member.name for member in before), f"--namespace={system.namespace}")
        back = partial(replaced, system.workload, {member.uid for member in before}, len(before), system.namespace)
        wait(back, RESTART_SECONDS, f"{system.name}: all members are back")


def reboot(hit: Hit) -> None:
    """The node restarts in good order."""
    _lab("reboot", hit.node, "--no-wait")
    wait(nodes_ready, BOOT_SECONDS, f"{hit.node}: ready")


def lose(hit: Hit, seconds: float = 60) -> None:
    """A power cut; the machine comes back after a while."""
    try:
        _lab("kill", hit.node)
        time.sleep(seconds)
    finally:
        _lab("start", hit.node)
    wait(nodes_ready, BOOT_SECONDS, f"{hit.node}: ready")


def fill(hit: Hit, seconds: float = 40) -> None:
    """The data volume of the node has no room left for a while."""
    try:
        shell(hit.node, _FILL.replace("SECONDS", f"{seconds * 3:.0f}"))
        time.sleep(seconds)
    finally:
        shell(hit.node, _EMPTY)


def partition(hit: Hit, seconds: float = 60) -> None:
    """A policy cuts the member off from every pod, node and the API; only its own kubelet still reaches it."""
    pods = {"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "Exists"}]}
    policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "endpointSelector": {"matchLabels": {MARK: "cut-off"}},
            "ingressDeny": [{"fromEndpoints": [pods]}, {"fromEntities": ["remote-node", "world"]}],
            "egressDeny": [{"toEntities": ["all"]}],
        },
    }
    try:
        for leader in hit.leaders.values():
            kubectl("apply", "--filename=-", f"--namespace={leader.namespace}", text=json.dumps(policy))
            kubectl("label", "pod", leader.name, f"{MARK}=cut-off", "--overwrite", f"--namespace={leader.namespace}")
        time.sleep(seconds)
    finally:
        join()


def join() -> None:
    """End a partition."""
    for namespace in sorted({system.namespace for system in SYSTEMS}):
        kubectl("delete", "ciliumnetworkpolicy", POLICY, "--ignore-not-found", f"--namespace={namespace}")
        kubectl("label", "pod", f"--selector={MARK}", f"{MARK}-", f"--namespace={namespace}")


def sweep() -> None:
    """Undo what a run that was killed left behind."""
    join()
    kubectl("delete", "pod", "--selector=app.kubernetes.io/name=chaos", "--grace-period=0", "--force", "--ignore-not-found")
    for node in lab().topology.nodes:
        shell(node.name, _EMPTY)


def _lab(*words: str) -> None:
    done = subprocess.run([LAB, *words], cwd=PROJECT, capture_output=True, text=True, timeout=BOOT_SECONDS, check=False)
    if done.returncode:
        raise ClusterError(f"lab {' '.join(words)}: {(done.stdout + done.stderr).strip()[-500:]}")


EVENTS = [
    Event("leader-killed", "kill -9 of the leader's process", kill, 60, 180),
    Event("leader-drained", "the leader's pod leaves as in a drain or an update", drain, 30, 180),
    Event("all-restarted", "all pods restarted at once", restart, 300, 300),
    Event("partitioned", "the leader is cut off by a network policy for a minute", partition, 90, 180),
    Event("node-rebooted", "the node under the leader restarts", reboot, 90, 300, machine=True),
    Event("node-lost", "the node under the leader loses its power and comes back after a minute", lose, 90, 300, machine=True),
    Event("disk-full", "the data volume under the leader is full for 40 seconds", fill, 90, 240, machine=True),
]
