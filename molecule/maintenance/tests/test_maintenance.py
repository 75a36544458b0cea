"""Nodes that take pods, and requests that are refused by name before anything is done."""

import os
import subprocess

import pytest
from reach import REPOSITORY

SITE = REPOSITORY / "inventories" / os.environ.get("VOICEHELPER_SITE", "lab")


def test_every_node_takes_pods_and_no_operation_has_one_in_hand(objects):
    for node in objects("nodes"):
        assert not node["spec"].get("unschedulable")
        assert "voicehelper.local/maintenance" not in node["metadata"]["labels"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["playbooks/drain.yml"], "the name of a node"),
        (["playbooks/drain.yml", "-e", "node=nowhere"], "a name that is not in the cluster"),
        (["playbooks/uncordon.yml", "-e", "node=nowhere"], "a name that is not in the cluster"),
        (["playbooks/reboot.yml", "-e", "node=nowhere"], "a name that is not in the cluster"),
    ],
)
def test_what_is_not_safe_is_refused_and_nothing_is_changed(words, said, objects):
    before = {node["metadata"]["name"]: node["spec"] for node in objects("nodes")}
    command = ["ansible-playbook", *words, "-i", str(SITE)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0 and said in " ".join(done.stdout.split()), done.stdout
    assert {node["metadata"]["name"]: node["spec"] for node in objects("nodes")} == before
