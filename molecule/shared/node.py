"""One fresh machine for a scenario: a lab of its own with one node and a depot, on a network apart from every other."""

from __future__ import annotations

import ipaddress
import json
import sys
import zlib
from pathlib import Path

from lab.cluster import Lab
from lab.ssh import USER
from lab.state import LabError, Paths
from lab.topology import Node, Topology

DISK = "/dev/disk/by-id/lab-data"
DISK_BYTES = 4 * 2**30
NETWORKS = ipaddress.IPv4Network("10.128.0.0/10")


def network_of(name: str) -> ipaddress.IPv4Network:
    """A /24 for this scenario, the same one every time."""
    number = zlib.crc32(name.encode()) % 2 ** (24 - NETWORKS.prefixlen)
    return ipaddress.IPv4Network((int(NETWORKS[0]) + number * 256, 24))


def lab_of(name: str, release: str, state: Path) -> Lab:
    """The lab of a scenario; everything of it stays in `state`."""
    network = network_of(name)
    node = Node(name, str(network[11]), "control_plane", release, (DISK,), DISK_BYTES)
    topology = Topology(name, state, network, str(network[2]), (node,))
    paths = Paths(state, name)
    paths.ssh.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Lab(paths, topology)


def up(lab: Lab, instance_config: Path, ssh_config: Path) -> None:
    """Make the machine anew, and write down for molecule and testinfra how to reach it."""
    lab.reset(list(lab.topology.nodes), wipe=True)
    lab.up()
    node, key = lab.topology.nodes[0], str(lab.paths.ssh / "id_ed25519")
    reach = {"instance": node.name, "address": node.address, "user": USER, "port": 22, "identity_file": key}
    instance_config.write_text(json.dumps([reach]))
    options = {
        "HostName": node.address,
        "User": USER,
        "IdentityFile": key,
        "UserKnownHostsFile": lab.paths.ssh / "known_hosts",
        "StrictHostKeyChecking": "yes",
    }
    ssh_config.write_text("\n  ".join(["Host node", *(f"{key} {value}" for key, value in options.items())]) + "\n")


def main() -> int:
    """`node.py up|down NAME RELEASE EPHEMERAL_DIRECTORY INSTANCE_CONFIG`."""
    verb, name, release, ephemeral, instance_config = sys.argv[1:]
    lab = lab_of(name, release, Path(ephemeral, "lab"))
    try:
        with lab.paths.locked():
            if verb == "up":
                up(lab, Path(instance_config), Path(ephemeral, "ssh_config"))
            else:
                lab.down(purge=False, force=True)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
