"""One machine of a lab of its own: made, rebooted, cut off, made blank, removed without a trace."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
from pathlib import Path

import pytest

from lab import cluster, ssh
from lab.cluster import Lab
from lab.podman import LABEL_LAB
from lab.state import LabError, Paths
from lab.topology import Node, Topology

NAME = "lifecycle"
NETWORK = ipaddress.IPv4Network("10.94.0.0/24")
DISK = "/dev/sdb"
MAKE_DISK = f"""
mkfs.xfs -q {DISK} && udevadm trigger --settle {DISK} && mkdir /data
echo "UUID=$(blkid -s UUID -o value {DISK}) /data xfs defaults 0 2" >>/etc/fstab
systemctl daemon-reload && systemctl start data.mount && echo kept >/data/word && sync
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    paths = Paths(tmp_path_factory.mktemp("state"), NAME)
    paths.ssh.mkdir()
    return paths


@pytest.fixture(scope="module")
def machine(paths):
    """A lab of one node with one disk; whatever a test does to it, it is gone in the end."""
    node = Node(f"{NAME}-1", str(NETWORK[11]), "worker", "trixie", (DISK,), 2**30)
    lab = Lab(paths, Topology(NAME, paths.inventory, NETWORK, str(NETWORK[2]), (node,)))
    try:
        lab.up()
        run(lab, MAKE_DISK)
        yield lab
    finally:
        lab.down(purge=False, force=True)


def run(lab: Lab, script: str) -> str:
    """What a script prints that root runs on the node. Raises AssertionError when it fails."""
    command = ssh.command(lab.paths, lab.topology.nodes[0].address, "sudo sh -es")
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def boot_of(lab: Lab) -> str:
    return run(lab, "systemctl is-system-running --wait >&2; cat /proc/sys/kernel/random/boot_id")


def test_it_is_a_machine_by_itself(machine):
    assert run(machine, "systemctl is-system-running --wait") == "running"
    assert run(machine, "find /dev -xdev -type b | wc -l") == "1"
    assert run(machine, "findmnt -no FSTYPE /data") == "xfs"
    assert run(machine, "cat /etc/machine-id") != Path("/etc/machine-id").read_text().strip()


def test_up_again_leaves_it_alone(machine):
    before = boot_of(machine)
    machine.up()
    assert boot_of(machine) == before


def test_a_reboot_from_inside_is_a_new_boot_with_the_same_disk(machine):
    before = boot_of(machine)
    run(machine, "systemctl reboot")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert boot_of(machine) != before
            break
        except AssertionError:
            time.sleep(0.5)
    assert boot_of(machine) != before
    assert run(machine, "cat /data/word") == "kept"


def test_a_power_cut_stays_until_it_is_switched_on(machine):
    (node,) = machine.topology.nodes
    machine.kill(node)
    time.sleep(1)
    assert machine.podman.containers()[machine.container(node.name)]["State"] == "exited"
    machine.start(node)
    assert run(machine, "cat /data/word") == "kept"


def test_a_reset_keeps_the_data_disk_and_nothing_else(machine):
    machine.reset(list(machine.topology.nodes), wipe=False)
    machine.up()
    run(machine, f"test ! -e /data && mkdir /data && mount {DISK} /data")
    assert run(machine, "cat /data/word") == "kept"


def test_another_clone_is_refused(machine, monkeypatch):
    monkeypatch.setattr(cluster, "REPOSITORY", Path("/elsewhere"))
    with pytest.raises(LabError, match="was made by the clone"):
        machine.up()


def test_down_leaves_nothing(machine, paths):
    machine.down(purge=False, force=False)
    assert json.loads(output("podman", "ps", "--all", "--format=json", "--filter", f"label={LABEL_LAB}={NAME}")) == []
    assert machine.podman.network(machine.network) is None
    assert str(paths.root) not in output("losetup", "--list", "--noheadings", "--output=BACK-FILE")
    assert str(paths.root) not in Path("/proc/self/mountinfo").read_text()
    assert "10.94.0." not in output("iptables-save") + output("ip", "address")
    assert not [command for command in Path("/proc").glob("[0-9]*/cmdline") if machine.network.encode() in contents(command)]
    assert not paths.lab.exists()


def contents(path: Path) -> bytes:
    """A process's command line; nothing when it has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
