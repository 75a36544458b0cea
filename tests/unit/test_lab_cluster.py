"""lab/cluster.py: machines that the inventory no longer has."""

from __future__ import annotations

import ipaddress

import pytest

from lab import cluster, workload
from lab.cluster import Lab
from lab.state import LabError, Paths
from lab.topology import Node, Topology

NODE = Node("lab-1", "10.7.0.9", "worker", "trixie", (), 0)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A lab of one node, whose machine and another one are there; `removed` takes what podman is told to remove."""
    made = Lab(Paths(tmp_path, "lab"), Topology("lab", tmp_path, ipaddress.IPv4Network("10.7.0.0/24"), "10.7.0.2", (NODE,)))
    made.removed = []

    class Podman:
        def __call__(self, *words):
            made.removed.append(words[-1])

        def containers(self):
            return {f"voicehelper-{name}": {} for name in ("lab-1", "lab-2", "lab-depot")}

    monkeypatch.setattr(cluster.disks, "detach", lambda _: None)
    made.podman = Podman()
    return made


def test_a_machine_that_the_cluster_still_has_stays(lab, monkeypatch):
    monkeypatch.setattr(workload, "members", lambda _: {"lab-1", "lab-2"})
    with pytest.raises(LabError, match=r"lab-2: found in the cluster.*scale\.yml -e remove=lab-2"):
        lab._remove_strays()
    assert lab.removed == []


def test_a_machine_of_no_cluster_goes(lab, monkeypatch):
    monkeypatch.setattr(workload, "members", lambda _: {"lab-1"})
    lab._remove_strays()
    assert lab.removed == ["voicehelper-lab-2"]
