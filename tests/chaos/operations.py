"""Operations on a node under streams of acknowledged writes to every system, and what they may cost: no write, and no longer silence of a
system than docs/reliability.md says of a node that restarts."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lab.state import LabError
from tests import stages
from tests.chaos.cluster import ClusterError, nodes_ready, objects, shell
from tests.chaos.events import EVENTS
from tests.chaos.stream import Stream
from tests.chaos.systems import SYSTEMS, System

SECONDS = 2400
_TASKS = 80  # of a reprovision, at least
_JOINED = "stat --format=%W /etc/kubernetes/kubelet.conf"
(REBOOTED,) = [event for event in EVENTS if event.name == "node-rebooted"]


@dataclass(frozen=True)
class Node:
    """A node, and how many members of each system it has."""

    name: str
    members: dict[str, int]


def deployed() -> list[System]:
    """The systems of the lab's mode."""
    try:
        return [system for system in SYSTEMS if system.replicas]
    except (ClusterError, LabError):  # no cluster: the tests say so, not their collection
        return []


def node(role: str, *, but: Sequence[System] = ()) -> Node:
    """The last node of a role, passing by those that have a member of some systems."""
    for one in reversed([node.name for node in stages.topology().nodes if node.role == role]):
        found = {system.name: sum(member.node == one for member in system.members()) for system in deployed()}
        if not any(found[system.name] for system in but):
            return Node(one, found)
    raise ClusterError(f"every {role} has a member of {', '.join(system.name for system in but)}")


def stopping(away: Node) -> list[str]:
    """Systems that do not go on without the members on a node: they may stop meanwhile, by name."""
    return [system.name for system in deployed() if system.replicas == 1 or away.members[system.name] > system.spare]


def cordoned() -> list[str]:
    """Nodes that take no pods."""
    return [node["metadata"]["name"] for node in objects("nodes") if node["spec"].get("unschedulable")]


def run(playbook: str, *options: str, seconds: float = SECONDS) -> str:
    """Run a playbook on the lab, which has to succeed; its output."""
    code, output = stages.run(playbook, *options, seconds=seconds)
    assert code == 0, output[-5000:]
    return output


def changed(output: str) -> set[str]:
    """Hosts on which a run changed something."""
    return set(re.findall(r"^(\S+) +: ok=\d+ +changed=[1-9]", output, re.MULTILINE))


def killed(playbook: str, *options: str, task: int | str, delay: float = 0.0) -> str:
    """Run a playbook, and kill it `delay` seconds after its task number `task`, or the one of that name, began; that task's line, "" when
    it ended before."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    number = 0
    with subprocess.Popen(stages.playbook(playbook, *options), cwd=stages.PROJECT, start_new_session=True, **pipes) as process:
        for line in filter(stages.TASK.match, process.stdout):
            number += 1
            if task in line if isinstance(task, str) else number > task:
                time.sleep(delay)
                os.killpg(process.pid, signal.SIGKILL)
                return line.strip()
    return ""


def mirrors(away: Node) -> list[str]:
    """Claims on a node's disk that hold a second copy of what a system has, and so may be given up."""
    claims = [
        volume["spec"].get("claimRef", {}) for volume in objects("persistentvolumes") if f"-{away.name}-" in volume["metadata"]["name"]
    ]
    return [f"{claim['namespace']}/{claim['name']}" for claim in claims if claim.get("name", "").endswith("-mirror")]


def anew(away: Node, data: str, seed: int) -> None:
    """Make a node anew, killed once at a task that `seed` chooses: it is as before, and nothing is left to do."""
    before = shell(away.name, f"{_JOINED} || true")
    accepted = [*stopping(away), *(mirrors(away) if data == "wipe" else [])]
    options = ["-e", f"node={away.name}", "-e", f"data={data}", "-e", f"accept={','.join(accepted)}"]
    line = killed("playbooks/reprovision.yml", *options, task=random.Random(seed).randrange(_TASKS))
    print(f"\n   {away.name}, data={data}, killed at: {line or 'its end'}", flush=True)
    run("playbooks/reprovision.yml", *options)
    assert shell(away.name, _JOINED) != before
    assert nodes_ready() and cordoned() == []
    assert changed(run("playbooks/scale.yml")) == set()


def judge(streams: Sequence[Stream], since: float, away: Node, accepted: Sequence[str] = ()) -> None:
    """No acknowledged write is gone, and no system was silent for longer than it may be. What was accepted by name may stop
    for as long as the node is away."""
    wrong = []
    for stream in streams:
        stream.go_on(time.time())
        verdict, system = stream.judge(since), stream.system
        bound = REBOOTED.alone if system.replicas == 1 or away.members[system.name] > system.spare else REBOOTED.bound
        print(f"   {system.name}: {verdict.silence:.1f} s without writes, {len(verdict.lost)} of {verdict.acknowledged} lost")
        if verdict.lost or verdict.silence > bound:
            wrong.append(f"{system.name}: lost {verdict.lost[:3]}, {verdict.silence:.0f} s without writes, at most {bound:.0f}")
    assert not wrong, wrong
