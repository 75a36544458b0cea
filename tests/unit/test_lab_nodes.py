"""What a node is made of: image recipes, host keys, disks, the script that boots it."""

from __future__ import annotations

import dataclasses
import ipaddress
import subprocess
from pathlib import Path

import pytest

from lab import disks, image, machine, ssh
from lab.state import LabError, Paths
from lab.topology import Node


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "ssh").mkdir()
    return Paths(tmp_path, "lab")


def test_another_recipe_is_another_image():
    node = image.node("trixie")
    assert node.tag.startswith("localhost/voicehelper-lab/node:trixie-")
    assert node.tag == dataclasses.replace(node).tag
    assert node.tag != dataclasses.replace(node, packages=(*node.packages, "curl")).tag
    assert node.tag != image.node("bookworm").tag


@pytest.mark.parametrize("script", ["lab-init", "depot-run"])
def test_scripts_parse(script):
    subprocess.run(["bash", "-n", str(image.ROOTFS / script)], check=True)


def test_a_node_gets_keys_and_its_host_key_is_known(paths, tmp_path):
    root = tmp_path / "root"
    (root / "etc/ssh").mkdir(parents=True)
    (root / "home/admin").mkdir(parents=True)
    ssh.ensure_key(paths)
    ssh.furnish(paths, root, "10.7.0.9")
    authorized = root / "home/admin/.ssh/authorized_keys"
    assert authorized.read_text() == (paths.ssh / "id_ed25519.pub").read_text()
    assert authorized.stat().st_mode & 0o777 == 0o600
    public_key = (root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()
    assert (paths.ssh / "known_hosts").read_text() == f"10.7.0.9 {public_key}\n"


def test_a_node_gets_resolvers_that_a_container_reaches(paths, tmp_path, monkeypatch):
    """Behind the stub of systemd-resolved, where this machine has it, which answers the machine alone."""
    root = tmp_path / "root"
    for folder in ("etc/ssh", "home/admin"):
        (root / folder).mkdir(parents=True)
    ssh.ensure_key(paths)
    stub, behind = tmp_path / "stub.conf", tmp_path / "resolv.conf"
    stub.write_text("nameserver 127.0.0.53\n")
    behind.write_text("nameserver 192.0.2.53\n")
    monkeypatch.setattr(machine, "RESOLVERS", (tmp_path / "none", behind, stub))
    machine.furnish(paths, Node("lab-1", "10.7.0.9", "worker", "trixie", (), 0), root)
    assert (root / "etc/resolv.conf").read_text() == behind.read_text()


def test_a_remade_node_replaces_its_host_key(paths):
    (paths.ssh / "known_hosts").write_text("10.7.0.9 ssh-ed25519 old\n10.8.0.9 ssh-ed25519 other\n")
    ssh.forget(paths, ipaddress.IPv4Network("10.7.0.0/24"))
    assert (paths.ssh / "known_hosts").read_text() == "10.8.0.9 ssh-ed25519 other\n"


def test_host_keys_are_always_checked(paths):
    command = ssh.command(paths, "10.7.0.9", "uptime")
    assert "-oStrictHostKeyChecking=yes" in command
    assert command[-2:] == ["admin@10.7.0.9", "uptime"]


def test_a_disk_is_described_by_device_number_and_inventory_path():
    name = min(device.name for device in Path("/sys/block").iterdir())
    numbers = Path("/sys/block", name, "dev").read_text().strip().replace(":", " ")
    assert disks.describe([(f"/dev/{name}", "/dev/sdb")]) == f"{numbers} {name} /dev/sdb\n"


def test_only_one_command_at_a_time(paths):
    with paths.locked(), pytest.raises(LabError, match="another lab command"), Paths(paths.root, "lab").locked():
        pass
