"""kubeadm_member: how it tells what a node is, and what it makes kubeadm and etcdctl do.

The two programs are replaced by scripts that write down how they were called; the real ones run in the lab.
"""

import json
import stat

import kubeadm_member
import pytest

RECORD = '#!/bin/sh\nprintf "%s\\n" "{name} $*" >> {log}\n{body}\n'


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A node's directories below a temporary one, with programs that log their calls."""

    class Node:
        kubernetes, stamp, etcd, log = tmp_path / "kubernetes", tmp_path / "stamp.json", tmp_path / "etcd", tmp_path / "log"

        def program(self, name, body="exit 0"):
            path = tmp_path / name
            path.write_text(RECORD.format(name=name, log=self.log, body=body))
            path.chmod(0o755)
            monkeypatch.setattr(kubeadm_member, name.upper(), str(path))

        @property
        def calls(self):
            return self.log.read_text().splitlines() if self.log.exists() else []

    node = Node()
    node.kubernetes.mkdir()
    monkeypatch.setattr(kubeadm_member, "KUBERNETES", node.kubernetes)
    monkeypatch.setattr(kubeadm_member, "CONFIG", node.kubernetes / "kubeadm.yaml")
    monkeypatch.setattr(kubeadm_member, "STAMP", node.stamp)
    monkeypatch.setattr(kubeadm_member, "ETCD_DATA", node.etcd)
    (node.kubernetes / "kubeadm.yaml").write_text("kind: ClusterConfiguration\n")
    node.program("kubeadm")
    node.program("etcdctl", "echo '{\"members\": []}'")
    return node


@pytest.fixture
def member(run_module, node):
    def run(state="probed", **more):
        return run_module(kubeadm_member, state=state, name="cp-2", address="10.0.0.12", **more)

    return run


@pytest.mark.parametrize("trace", kubeadm_member.TRACES)
def test_traces_without_a_stamp_are_a_join_that_was_cut_off(node, trace):
    path = node.kubernetes / trace
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert kubeadm_member.stage() == "partial"


def test_stages_of_a_node(node):
    assert kubeadm_member.stage() == "absent"
    node.etcd.mkdir()
    assert kubeadm_member.stage() == "partial"
    node.stamp.write_text("{}")
    assert kubeadm_member.stage() == "member"


def test_the_sum_of_settings_sees_each_file_and_its_place(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("ab")
    sums = {kubeadm_member.settings_sum([str(one), str(two)])}
    two.write_text("")
    assert kubeadm_member.settings_sum([str(one), str(two)]) in sums  # absent counts as empty
    one.write_text("a")
    two.write_text("b")
    sums.add(kubeadm_member.settings_sum([str(one), str(two)]))
    sums.add(kubeadm_member.settings_sum([str(two), str(one)]))
    assert len(sums) == 3


def test_probing_changes_nothing(member, node):
    assert member() | {"changed": False} == member()
    assert member()["stage"] == "absent" and node.calls == []


def test_init_gets_its_configuration_privately_and_leaves_none_behind(member, node):
    node.program("kubeadm", f"stat -c %a {node.kubernetes}/kubeadm-init.yaml; cat {node.kubernetes}/kubeadm-init.yaml > {node.log}.seen")
    result = member("initialised", config="---\ntoken: abc\n")
    assert result["changed"] and result["stage"] == "member"
    assert node.log.with_name("log.seen").read_text() == "kind: ClusterConfiguration\n---\ntoken: abc\n"
    assert [path.name for path in node.kubernetes.iterdir()] == ["kubeadm.yaml"]


def test_a_failed_join_tells_why_and_is_no_member(member, node, run_module):
    node.program("kubeadm", "echo 'could not reach the API' >&2; exit 3")
    with pytest.raises(run_module.failure, match=r"(?s)failed \(3\):.*could not reach the API"):
        member("joined", discovery="kind: Config\n")
    assert kubeadm_member.stage() == "absent"
    assert [path.name for path in node.kubernetes.iterdir()] == ["kubeadm.yaml"]


def test_a_join_that_hangs_is_ended(member, node, run_module):
    node.program("kubeadm", "exec sleep 30")
    with pytest.raises(run_module.failure, match="did not end within 1 s"):
        member("joined", timeout=1)


@pytest.mark.parametrize("state", ["initialised", "joined", "clean"])
def test_a_member_is_left_alone(member, node, state):
    node.stamp.write_text('{"settings": ""}')
    assert member(state)["changed"] is False
    assert node.calls == []


def test_a_cut_off_join_is_undone(member, node):
    (node.kubernetes / "kubelet.conf").touch()
    member("clean")
    assert node.calls == ["kubeadm reset --force --cri-socket=unix:///run/containerd/containerd.sock"]


def test_check_mode_tells_and_does_nothing(run_module, node):
    result = run_module(kubeadm_member, check=True, state="initialised", name="cp-1", address="10.0.0.11")
    assert result["changed"] and result["stage"] == "absent" and node.calls == []


def test_a_joining_control_plane_first_removes_its_own_stale_etcd_entries(member, node):
    members = [
        {"ID": 10, "name": "cp-1", "peerURLs": ["https://10.0.0.11:2380"]},
        {"ID": 255, "name": "", "peerURLs": ["https://10.0.0.12:2380"]},  # never started: it has no name yet
        {"ID": 11, "name": "cp-3", "peerURLs": ["https://10.0.0.120:2380"]},
    ]
    node.program("etcdctl", f"echo '{json.dumps({'members': members})}'")
    member("joined", etcd_members=["10.0.0.11", "10.0.0.120"])
    removals = [call.split("member ", 1)[1] for call in node.calls if call.startswith("etcdctl") and "remove" in call]
    assert removals == ["remove ff"]


def test_changed_settings_are_drift_until_they_are_in_force(member, node, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("one")
    member("initialised", settings=[str(settings)])
    assert member(settings=[str(settings)])["drifted"] is False
    settings.write_text("two")
    assert member(settings=[str(settings)])["drifted"] is True
    assert member("configured", settings=[str(settings)])["changed"] is True
    assert any("phase control-plane all" in call for call in node.calls)
    assert member("configured", settings=[str(settings)])["changed"] is False


def test_the_stamp_is_roots_alone(member, node):
    member("initialised")
    assert stat.S_IMODE(node.stamp.stat().st_mode) == 0o600
