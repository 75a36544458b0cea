"""A topology as its inventory tells it: nodes, addresses, disks. There is no second list."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from artifacts.store import REPOSITORY
from lab.state import LabError, Paths

INVENTORIES = REPOSITORY / "inventories"
OWN = "lab"  # the site whose inventory needs no derivation, and whose lab.yml every other one borrows
EXTRA = "extra.yml"
ROLES = {"workers": ("worker", "worker"), "control_plane": ("control_plane", "cp")}  # group → role of a node, stem of its name
Host = tuple[str, dict[str, Any], Callable[[Any], Any]]


@dataclass(frozen=True)
class Node:
    """One machine of the inventory. ``disks`` are the device paths that the inventory names, ``disk_size`` in bytes."""

    name: str
    address: str
    role: str
    release: str
    disks: tuple[str, ...]
    disk_size: int


@dataclass(frozen=True)
class Topology:
    """What a lab must make: the nodes of an inventory, on one network with a depot."""

    name: str
    inventory: Path
    network: ipaddress.IPv4Network
    depot_address: str
    nodes: tuple[Node, ...]

    def node(self, name: str) -> Node:
        """The node of this name; its short form without the site will do. Raises LabError when there is none."""
        for node in self.nodes:
            if name in (node.name, node.name.removeprefix(f"{self.name}-")):
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise LabError(f"no node {name!r} in topology {self.name}; there are: {known}")


def names() -> list[str]:
    """Every topology there is: the folders of ``inventories``."""
    return sorted(folder.name for folder in INVENTORIES.iterdir() if (folder / "hosts.yml").exists())


def load(paths: Paths, extra: Mapping[str, int | None] | None = None) -> Topology:
    """Read a topology from its inventory, first deriving the inventory where the lab needs one of its own.

    ``extra`` adds so many nodes to a group of the inventory, ``workers`` or ``control_plane``; ``None`` keeps what was asked for before.
    """
    if paths.topology not in names():
        raise LabError(f"unknown topology {paths.topology!r}; known: {', '.join(names())}")
    site = INVENTORIES / paths.topology
    counts = _extra_counts(paths) | {group: count for group, count in (extra or {}).items() if count is not None}
    if paths.topology == OWN and not any(counts.values()):
        (paths.inventory / EXTRA).unlink(missing_ok=True)
        return read(paths.topology, site)
    _derive(paths, site)
    (paths.inventory / EXTRA).unlink(missing_ok=True)
    if any(counts.values()):
        plain = read(paths.topology, paths.inventory)
        (paths.inventory / EXTRA).write_text(_extra_inventory(plain, counts))
    return read(paths.topology, paths.inventory)


def read(name: str, inventory: Path) -> Topology:
    """Read an inventory the way Ansible does. Raises LabError, naming host and variable, where it does not fit a lab."""
    nodes, site = [], {}
    with _hosts(inventory) as hosts:
        for host, raw, template in hosts:
            site = {key: template(raw.get(key, "")) for key in ("platform_node_cidr", "lab_depot_address")}
            nodes.append(
                Node(
                    name=host,
                    address=str(template(raw.get("ansible_host", ""))),
                    role="worker" if "workers" in raw["group_names"] else "control_plane",
                    release=str(template(raw.get("lab_release", "trixie"))),
                    disks=tuple(str(disk["device"]) for disk in template(raw.get("data_disks_devices", []))),
                    disk_size=parse_size(template(raw.get("lab_data_disk_size", "20G"))),
                )
            )
    return _checked(name, inventory, site, tuple(nodes))


def systems(inventory: Path, mode: str = "") -> list[str]:
    """The systems and services that a site deploys, in ``mode`` where one is given. Raises LabError where its inventory does not say."""
    with _hosts(inventory, {"deploy_mode": mode} if mode else {}) as hosts:
        _, raw, template = hosts[0]
        if mode and mode not in raw["deploy_modes"]:
            raise LabError(f"unknown mode {mode!r}; known: {', '.join(raw['deploy_modes'])}")
        return list(template(raw["deploy_components"])) + list(template(raw["deploy_services"]))


def parse_size(text: str | int) -> int:
    """Bytes of a size like ``20G`` or ``512M``. Raises LabError when it is none."""
    units = {"M": 2**20, "G": 2**30, "T": 2**40}
    number, unit = str(text)[:-1], str(text)[-1:].upper()
    if unit not in units or not number.isdigit():
        raise LabError(f"lab_data_disk_size: {text!r} is no size; wanted a whole number and M, G or T")
    return int(number) * units[unit]


@contextlib.contextmanager
def _hosts(inventory: Path, extra: Mapping[str, str] | None = None) -> Iterator[list[Host]]:
    """Each node's name, its variables with ``extra`` over them, and what fills templates in those. Raises LabError with Ansible's words."""
    _ansible()
    from ansible.errors import AnsibleError  # takes half a second, so only where it is needed
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar
    from ansible.vars.manager import VariableManager

    loader = DataLoader()
    loader.set_basedir(str(REPOSITORY))
    try:
        known = InventoryManager(loader=loader, sources=[str(inventory)])
        variables = VariableManager(loader=loader, inventory=known)
        found = {host.name: {**variables.get_vars(host=host, include_hostvars=False), **(extra or {})} for host in known.get_hosts("nodes")}
        yield [(name, raw, Templar(loader=loader, variables=raw).template) for name, raw in found.items()]
    except AnsibleError as error:
        raise LabError(f"{inventory}: {error}") from None


@functools.cache
def _ansible() -> None:
    os.environ.setdefault("ANSIBLE_CONFIG", str(REPOSITORY / "ansible.cfg"))
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([])


def _checked(name: str, inventory: Path, site: dict[str, str], nodes: tuple[Node, ...]) -> Topology:
    if not nodes:
        raise LabError(f"{inventory}: group nodes has no host")
    try:
        network = ipaddress.IPv4Network(site["platform_node_cidr"])
    except ValueError as error:
        raise LabError(f"{inventory}: platform_node_cidr: {error}") from None
    taken = {str(network[1]): "the gateway", site["lab_depot_address"]: "the depot"}
    for node in nodes:
        try:
            inside = ipaddress.IPv4Address(node.address) in network
        except ValueError:
            raise LabError(f"{node.name}: ansible_host: {node.address!r} is no IPv4 address") from None
        if not inside:
            raise LabError(f"{node.name}: ansible_host: {node.address} lies outside platform_node_cidr {network}")
        if node.address in taken:
            raise LabError(f"{node.name}: ansible_host: {node.address} is taken by {taken[node.address]}")
        taken[node.address] = node.name
    ordered = sorted(nodes, key=lambda node: ipaddress.IPv4Address(node.address))
    return Topology(name, inventory, network, site["lab_depot_address"], tuple(ordered))


def _derive(paths: Paths, site: Path) -> None:
    """A site's own hosts and variables, with the lab's variables laid over them."""
    own = INVENTORIES / OWN
    links = {
        "hosts.yml": site / "hosts.yml",
        "group_vars/site/10-site.yml": site / "group_vars/site/site.yml",
        "group_vars/site/20-lab.yml": own / "group_vars/site/lab.yml",
    }
    if paths.topology == OWN:  # with more workers it is still the same cluster
        links["credentials"] = own / "credentials"
        _require_own(paths, links["credentials"])
        links["credentials"].mkdir(mode=0o700, exist_ok=True)
    for name, target in links.items():
        link = paths.inventory / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _require_own(paths: Paths, credentials: Path) -> None:
    """A cluster that another clone runs keeps that one's vault: with this one's it would be told that it lacks all its keys."""
    others = (paths.inventory / "credentials").resolve()
    if others != credentials.resolve() and (others / "kubeconfig").exists():
        raise LabError(f"found a lab that {others.parents[2]} runs; wanted this command there, or `lab down` there first")


def _extra_counts(paths: Paths) -> dict[str, int]:
    extra = paths.inventory / EXTRA
    groups = yaml.safe_load(extra.read_text()) if extra.exists() else {}
    return {group: len(members["hosts"]) for group, members in groups.items()}


def _extra_inventory(topology: Topology, counts: Mapping[str, int]) -> str:
    """An inventory file of so many more nodes of each group, named and addressed on from the last one of it."""
    taken = {node.address for node in topology.nodes}
    groups = {}
    for group, count in counts.items():
        role, stem = ROLES[group]
        there = [node for node in topology.nodes if node.role == role]
        last = max(ipaddress.IPv4Address(node.address) for node in there or topology.nodes)
        hosts: dict[str, dict[str, str]] = {}
        for number in range(len(there) + 1, len(there) + count + 1):
            last += 1
            while str(last) in taken:
                last += 1
            taken.add(str(last))
            hosts[f"{topology.name}-{stem}-{number}"] = {"ansible_host": str(last)}
        if hosts:
            groups[group] = {"hosts": hosts}
    return yaml.safe_dump(groups)
