"""The cluster grows and shrinks under streams of acknowledged writes: a fourth worker comes and goes; one control plane becomes three, the
first is made anew, and two go again, one after the other."""

from __future__ import annotations

import time

import pytest

from lab.topology import load
from tests import stages
from tests.chaos.cluster import kubectl, lab, nodes_ready, objects
from tests.chaos.operations import Node, changed, cordoned, deployed, judge, node, run, stopping

pytestmark = pytest.mark.long


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


def members() -> str:
    """Members of etcd, as one of them says."""
    return kubectl("get", "pods", "--namespace=kube-system", "--selector=component=etcd", "--output=name")


def fits(*options: str) -> None:
    """The cluster becomes what the inventory says, and a second run finds nothing to do."""
    run("playbooks/scale.yml", *options)
    assert names() == {item.name for item in lab().topology.nodes} and nodes_ready() and cordoned() == []
    assert changed(run("playbooks/scale.yml", *options)) == set()


def test_a_fourth_worker_comes_and_goes(write):
    before, nobody = names(), Node("", dict.fromkeys((system.name for system in deployed()), 0))
    streams, since = write(), time.time()
    wanted(workers=1)
    machines()
    fits()
    (new,) = names() - before
    wanted(workers=0)
    code, output = stages.run("site.yml")
    assert code != 0 and f"scale.yml -e remove={new}" in output
    fits("-e", f"remove={new}")
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
    run("playbooks/reprovision.yml", "-e", f"node={first.name}", "-e", "data=keep", "-e", f"accept={','.join(stopping(first))}")
    assert nodes_ready() and len(members().split()) == 3
    assert changed(run("playbooks/scale.yml")) == set()
    for left in (1, 0):
        wanted(control_plane=left)
        fits("-e", f"remove={planes[left + 1]}")
        machines()
    judge(streams, since, first)
