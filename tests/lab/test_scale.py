"""The cluster grows and shrinks under streams of acknowledged writes: a fourth worker comes and goes; one control plane becomes three, the
first is made anew, and two go again, one after the other."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest

from lab.topology import load
from tests import stages
from tests.chaos.cluster import kubectl, lab, members, nodes_ready, objects, wait
from tests.chaos.operations import Node, anew, changed, cordoned, deployed, judge, node, run

pytestmark = pytest.mark.long

BACK_SECONDS = 300  # of a member that was deleted
INTRODUCED = 15  # tasks, gathering and arguments among them, by which a node learns who belongs to the cluster


def wanted(**extra: int) -> None:
    """The inventory has so many nodes more; machines that it has no more stay for now."""
    load(lab().paths, extra)
    lab.cache_clear()


def machines() -> None:
    """The lab has the machines of the inventory."""
    with lab().paths.locked():
        lab().up()


def names() -> set[str]:
    """Nodes of the cluster."""
    return {item["metadata"]["name"] for item in objects("nodes")}


def etcd() -> str:
    """Members of etcd, as one of them says."""
    return kubectl("get", "pods", "--namespace=kube-system", "--selector=component=etcd", "--output=name")


def fits(*options: str) -> str:
    """The cluster becomes what the inventory says, and a second run finds nothing to do; the output of the first."""
    output = run("playbooks/scale.yml", *options)
    assert names() == {item.name for item in lab().topology.nodes} and nodes_ready() and cordoned() == []
    assert changed(run("playbooks/scale.yml", *options)) == set()
    return output


def undisturbed(output: str, nodes: set[str]) -> None:
    """These nodes did no more than to learn who belongs to the cluster."""
    ran = {name: int(ok) for name, ok in re.findall(r"^(\S+) +: ok=(\d+) ", output, re.MULTILINE)}
    assert {name: ran[name] for name in nodes if ran[name] > INTRODUCED} == {}


def start_again(workload: str) -> None:
    """A member that shares its node with another may start again there, though a node that came later has none."""
    place, _ = Counter(member.node for member in members(workload)).most_common(1)[0]
    one = next(member for member in members(workload) if member.node == place)
    kubectl("delete", "pod", one.name, "--wait=true", seconds=180)
    wait(
        lambda: any(m.name == one.name and m.uid != one.uid and m.ready for m in members(workload)),
        BACK_SECONDS,
        f"{one.name}: Ready again",
    )


def test_a_fourth_worker_comes_and_goes(write):
    before, nobody = names(), Node("", dict.fromkeys((system.name for system in deployed()), 0))
    streams, since = write(), time.time()
    wanted(workers=1)
    machines()
    undisturbed(fits(), before)
    (new,) = names() - before
    for workload in ("redis-cluster", "minio"):
        start_again(workload)
    wanted(workers=0)
    code, output = stages.run("site.yml")
    assert code != 0 and f"scale.yml -e remove={new}" in output
    undisturbed(fits("-e", f"remove={new}"), before)
    machines()
    judge(streams, since, nobody)


def test_one_control_plane_becomes_three_the_first_is_made_anew_and_two_go(write):
    first = node("control_plane")
    streams, since = write(first.name), time.time()
    wanted(control_plane=2)
    machines()
    fits()
    planes = [item.name for item in lab().topology.nodes if item.role == "control_plane"]
    assert len(planes) == 3
    anew(first, "keep", 4)
    assert len(etcd().split()) == 3
    for left in (1, 0):
        wanted(control_plane=left)
        fits("-e", f"remove={planes[left + 1]}")
        machines()
    judge(streams, since, first)
