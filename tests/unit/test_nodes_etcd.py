"""etcd's members, asked and taken out through the pod of another one."""

import json

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.nodes.etcd import Etcd, EtcdPods

MEMBERS = {"cp-1": 10, "cp-2": 11, "cp-3": 12}

# What etcdctl 3.6 writes, the commands that change something included; a pod on a machine that is gone gives no answer.
ETCDCTL = """#!/usr/bin/python3
import json, pathlib, sys
words, state = sys.argv, pathlib.Path(__file__).with_name("members.json")
pod = words[words.index("exec") + 1].removeprefix("etcd-")
members = json.loads(state.read_text())
if pod == "cp-1":
    sys.exit("error dialing backend: connect: no route to host")
verb = words[words.index("etcdctl") + 6:]
if verb == ["member", "list"]:
    print(json.dumps({"members": [{"ID": number, "name": name, "peerURLs": []} for name, number in members.items()]}))
elif verb == ["endpoint", "status", "--cluster"]:
    alive = [number for number in members.values() if number > 10]
    print(json.dumps([{"Status": {"header": {"member_id": number}, "leader": 11, "dbSize": number}} for number in alive]))
    sys.exit(1)
elif verb[:2] == ["member", "remove"] and len(verb) == 3:
    left = {name: number for name, number in members.items() if number != int(verb[2], 16)}
    if left == members:
        sys.exit("Error: etcdserver: member not found")
    state.write_text(json.dumps(left))
else:
    sys.exit(f"unknown command {verb}")
"""


@pytest.fixture
def etcd(tmp_path):
    """Three members, the first of which lies on a machine that is gone."""
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(ETCDCTL)
    kubectl.chmod(0o755)
    (tmp_path / "members.json").write_text(json.dumps(MEMBERS))
    return EtcdPods("/nowhere", str(kubectl), [pod(name) for name in MEMBERS])


def pod(node, ready="True"):
    """A member's static pod."""
    meta = {"name": f"etcd-{node}", "labels": {"component": "etcd"}}
    return {"metadata": meta, "spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def test_the_first_that_answers_tells_of_all(etcd):
    assert etcd.read() == Etcd({"cp-1": False, "cp-2": True, "cp-3": True}, "cp-2", 12)


def test_where_none_is_ready_it_says_so():
    assert EtcdPods("/nowhere", "/bin/false", [pod("cp-1", ready="False")]).read() == Etcd({}, why="no member is ready")


def test_a_member_is_taken_out_once(etcd, tmp_path):
    assert etcd.remove("cp-3", check=True)
    assert json.loads((tmp_path / "members.json").read_text()) == MEMBERS
    assert etcd.remove("cp-3")
    assert list(json.loads((tmp_path / "members.json").read_text())) == ["cp-1", "cp-2"]
    assert not etcd.remove("cp-3")


def test_a_member_is_not_asked_to_take_out_itself():
    with pytest.raises(BootstrapError, match="no other member is ready"):
        EtcdPods("/nowhere", "/bin/false", [pod("cp-1")]).remove("cp-1")
