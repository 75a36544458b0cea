"""A cluster built again over its data disks has the data of the one before: all machines are made blank, their disks stay."""

from __future__ import annotations

import json

import pytest

from lab.state import LabError
from tests import stages
from tests.chaos.cluster import DATA, ClusterError, lab, objects, shell
from tests.chaos.stream import Stream
from tests.chaos.systems import SYSTEMS

pytestmark = pytest.mark.long

SECONDS = 3600
A_MEMBERS = f"mark=$(grep -l '/data-.*-[0-9]' {DATA}/*/vol-*.claim | head -n 1)"  # whose claim has a number


def owners() -> dict[str, tuple[str, str]]:
    """Claim → (node, directory) of every bound static volume."""
    found = {}
    for volume in objects("persistentvolumes"):
        if volume["status"]["phase"] == "Bound" and volume["spec"]["storageClassName"] == "voicehelper-ssd":
            owner, (term,) = volume["spec"]["claimRef"], volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
            found[f"{owner['namespace']}/{owner['name']}"] = (term["matchExpressions"][0]["values"][0], volume["spec"]["local"]["path"])
    return found


def streams() -> list[Stream]:
    """A stream of writes for every system of the lab's mode."""
    try:
        return [Stream(system) for system in SYSTEMS if system.replicas]
    except (ClusterError, LabError):  # no cluster: the tests say so, not their collection
        return []


def test_every_disk_says_whose_data_it_holds():
    marks = {}
    for node in lab().topology.nodes:
        text = shell(node.name, f"for mark in {DATA}/*/vol-*.claim; do echo $mark $(cat $mark); done")
        for line in text.splitlines():
            path, _, mark = line.partition(" ")
            marks[json.loads(mark)["claim"]] = (node.name, path.removesuffix(".claim"))
    assert marks == owners() != {}


def test_a_disk_with_the_data_of_another_member_is_refused_by_name():
    node = lab().topology.nodes[-1].name
    claim = json.loads(shell(node, f"{A_MEMBERS}; cp $mark /tmp/mark; cat $mark; sed -i 's/-[0-9]*\",/-77\",/' $mark"))["claim"]
    try:
        code, output = stages.run("playbooks/storage.yml", "--limit", f"localhost,{node}")
    finally:
        shell(node, f"{A_MEMBERS}; mv /tmp/mark $mark")
    assert code != 0
    assert claim in output and "-77" in output and "found data of the claim" in output


def test_what_was_written_is_there_in_a_cluster_built_again():
    written, before = {}, owners()
    for stream in streams():
        stream.start()
        written[stream.system.name] = set(stream.acknowledged())
    assert written
    with lab().paths.locked():
        lab().reset(list(lab().topology.nodes), wipe=False)
        lab().up()
    code, output = stages.run("site.yml", seconds=SECONDS)
    assert code == 0, output[-5000:]
    assert owners() == before
    for stream in streams():
        stream.start()
        there = {int(word) for word in stream.ask("read", 120).split() if word.isdecimal()}
        stream.close()
        assert not written[stream.system.name] - there, stream.system.name
