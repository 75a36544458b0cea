"""The whole lab back to bare machines, compared with what they were, and a cluster founded on them again over the data that stayed."""

from __future__ import annotations

import re

import pytest

from lab.state import LabError
from tests import stages
from tests.chaos.cluster import ClusterError, lab, shell
from tests.chaos.stream import Stream
from tests.chaos.systems import SYSTEMS

pytestmark = pytest.mark.long

SECONDS = 3600
CONFIRM = ("-e", "confirm=voicehelper")


def streams() -> list[Stream]:
    """A stream of writes for every system of the lab's mode."""
    try:
        return [Stream(system) for system in SYSTEMS if system.replicas]
    except (ClusterError, LabError):  # no cluster: the tests say so, not their collection
        return []


def reset(*options: str) -> str:
    """Run the reset, which has to succeed; its output."""
    code, output = stages.run("playbooks/reset.yml", *CONFIRM, *options, seconds=SECONDS)
    assert code == 0, output[-5000:]
    return output


def test_a_node_of_the_cluster_is_refused_with_the_ways_round():
    name = lab().topology.nodes[-1].name
    code, output = stages.run("playbooks/reset.yml", *CONFIRM, "-e", f"node={name}")
    said = " ".join(output.split())
    assert code != 0 and f"{name}: node: found it in the cluster" in said and f"reprovision.yml -e node={name}" in said


def test_a_check_tells_what_goes_and_takes_nothing():
    output = reset("--check")
    assert "systemctl stop kubelet.service" in output
    assert all("active" in shell(node.name, "systemctl is-active kubelet.service") for node in lab().topology.nodes)


def test_machines_are_what_they_were_and_carry_a_cluster_again_with_the_data_of_the_one_before():
    written = {}
    for stream in streams():
        stream.start()
        written[stream.system.name] = set(stream.acknowledged())
    assert written
    output = reset()
    compared = re.findall(r'"differs": \[(.*?)\]', output, re.DOTALL)
    assert compared == [""] * len(lab().topology.nodes), output[-5000:]
    assert not re.search(r"changed=[1-9]", reset())
    code, output = stages.run("site.yml", seconds=SECONDS)
    assert code == 0, output[-5000:]
    for stream in streams():
        stream.start()
        there = {int(word) for word in stream.ask("read", 120).split() if word.isdecimal()}
        stream.close()
        assert not written[stream.system.name] - there, stream.system.name
