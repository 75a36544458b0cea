"""The state of a machine: what is noted of it, when, and what of a difference this project has made."""

from __future__ import annotations

import gzip
import json

import pytest
from ansible.module_utils.node import machine_state, member_facts
from ansible.module_utils.node.machine_state import Note

from plugins.modules import machine_reset
from plugins.modules import machine_state as module

PATHS = ["/etc/kubernetes", "/etc/sysctl.d/90-voicehelper.conf", "/etc/containerd/certs.d/*/hosts.toml", "/var/lib/kubelet"]
SECRET, PUBLIC = "etc/shadow", "etc/fstab"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine's files below a directory; the kernel and the packages are those of this one."""
    root = tmp_path / "machine"
    for path, text in {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", PUBLIC: "/dev/vda1 / ext4\n"}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    note = root / "var/lib/voicehelper/before.json.gz"
    monkeypatch.setattr(machine_state, "ROOT", root)
    monkeypatch.setattr(machine_state, "NOTE", note)
    monkeypatch.setattr(machine_state, "FIRST_MADE", (note.parent, root / "etc/sysctl.d/90-voicehelper.conf"))
    monkeypatch.setattr(member_facts, "KUBERNETES", root / "etc/kubernetes")
    return root


def test_a_machine_is_noted_once_before_its_first_change(run_module, machine):
    assert run_module(module, state="noted", check=True)["changed"] and not machine_state.NOTE.exists()
    assert run_module(module, state="noted")["changed"]
    before = machine_state.NOTE.read_bytes()
    assert machine_state.NOTE.stat().st_mode & 0o777 == 0o600
    (machine / "etc/more").touch()
    assert not run_module(module, state="noted")["changed"] and machine_state.NOTE.read_bytes() == before


@pytest.mark.parametrize(
    "trace", ["etc/kubernetes/kubelet.conf", "var/lib/voicehelper/kubeadm-member.json", "etc/sysctl.d/90-voicehelper.conf"]
)
def test_what_belongs_to_a_cluster_or_was_changed_before_is_not_noted(run_module, machine, trace):
    (machine / trace).parent.mkdir(parents=True, exist_ok=True)
    (machine / trace).touch()
    result = run_module(module, state="noted")
    assert (result["changed"], result["known"], machine_state.NOTE.exists()) == (False, False, False)


def test_the_note_holds_settings_that_everybody_may_read_and_no_secret(run_module, machine):
    (machine / "etc/key").write_text("secret\n")
    (machine / "etc/key").chmod(0o600)
    run_module(module, state="noted")
    note = Note.read()
    assert note.content("/etc/fstab") == b"/dev/vda1 / ext4\n" and note.content("/etc/key") is None
    assert b"secret" not in gzip.decompress(machine_state.NOTE.read_bytes())
    assert note.has("files", "/etc/key") and note.of("users") == {"root": "0:0:/root:/bin/sh"}


def test_what_came_went_and_changed_is_told_and_what_is_ours_apart(run_module, machine):
    (machine / "opt/site").mkdir(parents=True)
    run_module(module, state="noted")
    (machine / "opt/site").rmdir()
    (machine / PUBLIC).write_text("# nothing\n")
    for path in ("etc/kubernetes/pki/ca.crt", "etc/containerd/certs.d/quay.io/hosts.toml", "etc/motd"):
        (machine / path).parent.mkdir(parents=True, exist_ok=True)
        (machine / path).touch()
    found = run_module(module, state="compared", paths=PATHS)
    assert {"+ files: /etc/kubernetes", "+ files: /etc/kubernetes/pki/ca.crt"} < set(found["ours"])
    assert "+ files: /etc/containerd/certs.d/quay.io/hosts.toml" in found["ours"]
    assert {"- files: /opt/site", "~ files: /etc/fstab", "+ files: /etc/motd"} <= set(found["others"])


@pytest.mark.parametrize("text", [b"{", gzip.compress(b"{}" * 99)[:20], gzip.compress(b"{")])
def test_a_spoiled_note_is_named(run_module, machine, text):
    machine_state.NOTE.parent.mkdir(parents=True)
    machine_state.NOTE.write_bytes(text)
    with pytest.raises(run_module.failure, match=r"before\.json\.gz: could not be written or read"):
        run_module(module, state="compared")


@pytest.mark.parametrize(
    ("category", "sign", "entry", "mine"),
    [
        ("settings", "~", "net.ipv4.ip_forward", True),
        ("files", "~", "/etc/kubernetes", False),  # it was there before
        ("folders", "+", "/var/lib/kubelet", True),
        ("folders", "+", "/var/lib/postgresql", False),
        ("mounts", "+", "/var/lib/kubelet/pods/1/volumes/x", True),
        ("units", "+", "kubelet.service", False),  # no path of these
        ("links", "+", "cilium_vxlan", True),
        ("links", "+", "lxc0f3a2b4c5d6e", True),
        ("links", "+", "lxcbr0", False),  # of LXC
        ("addresses", "+", "10.0.0.10/32 eth0", True),
        ("addresses", "+", "10.0.0.11/24 eth0", False),
        ("routes", "+", "-4 10.244.0.0/24 via 10.244.0.7 dev cilium_host table main", True),
        ("routes", "+", "-4 default via - dev lo table 2004", True),
        ("routes", "+", "-4 default via 10.0.0.1 dev eth0 table main", False),
        ("rules", "+", "-4 9: from all fwmark 0x200 lookup 2004", True),
        ("rules", "+", "-6 100: from all lookup local", True),
        ("rules", "-", "-4 0: from all lookup local", False),
        ("rules", "+", "-4 1000: from all lookup 100", False),
        ("rules", "+", "-4 1: from all fwmark 0xe00 lookup 201", True),
        ("rules", "+", "-4 500: from 10.9.0.0/16 lookup 201", False),
        ("packet filter", "+", "ip nat CILIUM_POST_nat", True),
        ("packet filter", "+", "inet voicehelper", True),
        ("packet filter", "+", "inet voicehelper input", True),
        ("packet filter", "+", "ip filter FORWARD", False),
        ("eBPF", "+", "/sys/fs/bpf/cilium/devices/eth0/links/cil_from_netdev", True),
        ("eBPF", "+", "eth0 ingress cil_from_netdev-eth0", True),
        ("eBPF", "+", "/sys/fs/bpf/systemd/x", False),
        ("packages", "+", "socat", False),  # one that another needs now stays
    ],
)
def test_what_is_ours(category, sign, entry, mine):
    assert machine_state.ours(category, sign, entry, PATHS, "10.0.0.10", "inet voicehelper") is mine


def test_a_package_s_own_file_is_one_that_it_brings_or_makes(machine, monkeypatch):
    monkeypatch.setattr(machine_state, "output_lines", lambda *command: ["base-files: /etc/issue"] if command[-1] == "/etc/issue" else [])
    assert machine_state.packaged("/etc/issue") and not machine_state.packaged("/etc/chrony/chrony.conf")
    (machine / "var/lib/ucf").mkdir(parents=True)
    (machine / "var/lib/ucf/registry").write_text("chrony /etc/chrony/chrony.conf\n")
    assert machine_state.packaged("/etc/chrony/chrony.conf") and not machine_state.packaged("/etc/chrony/other")


def test_a_note_outlives_what_later_versions_ask_of_it():
    note = Note(json.loads("{}"))
    assert note.known and note.of("files") == {} and note.content("/etc/fstab") is None


def test_the_options_of_both_modules_are_the_documented_parts():
    assert machine_reset.PARTS == ["programs", "kernel", "files", "access", "wipe", "packages", "end"]
