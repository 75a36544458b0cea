#!/usr/bin/python
"""One look at a machine: everything that preflight judges and that later roles need to know, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_probe
short_description: Look at a machine and change nothing
description:
  - Hardware, kernel, disks, clock, network, ports, packages, units and the state of Kubernetes in one call.
  - It only reads; the timing of the etcd disk, where asked for, writes to a file without a name.
options:
  address: {description: Address by which the other nodes know this one., type: str, required: true}
  ports: {description: Ports to find taken or free such as C(6443/tcp)., type: list, elements: str, default: []}
  peers:
    description: Other nodes to reach.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Inventory name., type: str, required: true}
      address: {description: Address., type: str, required: true}
      port: {description: A TCP port; a refused connection is an answer too., type: int, default: 22}
  names: {description: Names that must resolve., type: list, elements: str, default: []}
  urls: {description: Addresses that must answer to HTTP HEAD with any status., type: list, elements: str, default: []}
  resolv_conf: {description: File of the resolvers that pods are given., type: path, default: /etc/resolv.conf}
  disks:
    description: Disks that the inventory names, judged by the rules of role data_disks.
    type: list
    elements: dict
    default: []
    suboptions:
      device: {description: Path., type: path, required: true}
      wipe: {description: Whether what is on it may be erased., type: bool, default: false}
      encrypt: {description: Whether it is to carry LUKS., type: bool, default: false}
  disk_label: {description: Label by which a disk of ours is recognised., type: str, required: true}
  disk_filesystem: {description: File system of the data volume., type: str, default: xfs}
  etcd_directory:
    description: Where etcd will write. Its disk is timed while the node is not part of a cluster. Empty for no test.
    type: str
    default: ""
  packet_filter: {description: File of the packet filter's rules. Empty when the machine has none of ours., type: path, default: ""}
author: VoiceHelper
"""

RETURN = r"""
clock: {description: The node's clock at the beginning and at the end., type: list, returned: always}
clock_offset: {description: Least seconds between the node's clock and the controller's., type: float, returned: always}
hostname: {description: The current host name., type: str, returned: always}
hosts_file: {description: What /etc/hosts says., type: str, returned: always}
packages: {description: Installed packages., type: list, returned: always}
ready_units: {description: Services and timers that run now and start at boot., type: list, returned: always}
packet_filter_in_force: {description: Whether the kernel has exactly the rules of that file., type: bool, returned: always}
kubernetes: {description: Whether the node has joined and which versions it has., type: dict, returned: always}
"""

import os
import platform
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node.probe import hardware, network, packet_filter, software

PEER_SPEC = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
}
DISK_SPEC = {
    "device": {"type": "path", "required": True},
    "wipe": {"type": "bool", "default": False},
    "encrypt": {"type": "bool", "default": False},
}


def look(params: dict) -> dict:
    """Everything there is to know, as one flat dict."""
    began, state = time.time(), software.kubernetes()
    timed = params["etcd_directory"] and not state["joined"]
    seen = {
        "hostname": platform.node(),
        "hosts_file": Path("/etc/hosts").read_text(),
        "machine_id": software.machine_id(),
        "distribution": software.distribution(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "memory_gib": hardware.memory_gib(),
        "kernel": hardware.kernel(),
        "disks": hardware.disks(),
        "refused_disks": hardware.refused_disks(params["disks"], params["disk_label"], params["disk_filesystem"]),
        "swap": hardware.swap(),
        "interface": network.interface_of(params["address"]),
        "taken_ports": {} if state["joined"] else network.taken(params["ports"]),
        "resolvers": network.resolvers(Path(params["resolv_conf"])),
        "unreached": network.reach(params["names"], params["peers"], params["urls"]),
        "fsync_p99_ms": hardware.fsync_p99_ms(params["etcd_directory"]) if timed else None,
        "kubernetes": state,
        "packages": software.packages(),
        "ready_units": software.ready_units(),
        "packet_filter_in_force": packet_filter.in_force(params["packet_filter"]),
    }
    return {**seen, "clock": [began, time.time()]}


def main():
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "str", "default": []},
            "peers": {"type": "list", "elements": "dict", "default": [], "options": PEER_SPEC},
            "names": {"type": "list", "elements": "str", "default": []},
            "urls": {"type": "list", "elements": "str", "default": []},
            "resolv_conf": {"type": "path", "default": "/etc/resolv.conf"},
            "disks": {"type": "list", "elements": "dict", "default": [], "options": DISK_SPEC},
            "disk_label": {"type": "str", "required": True},
            "disk_filesystem": {"type": "str", "default": "xfs"},
            "etcd_directory": {"type": "str", "default": ""},
            "packet_filter": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **look(module.params))


if __name__ == "__main__":
    main()
