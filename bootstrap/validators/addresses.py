"""Rules for the addresses of a site: nodes, virtual address, load balancer pool, pod and service networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from .findings import Finding

CIDRS = ("platform_node_cidr", "platform_pod_cidr", "platform_service_cidr")
POD_PREFIX_PER_NODE = 24


def network(value: Any) -> ipaddress.IPv4Network | None:
    """The IPv4 network, or None when the value is not one."""
    try:
        return ipaddress.IPv4Network(str(value))
    except ValueError:
        return None


def address(value: Any) -> ipaddress.IPv4Address | None:
    """The IPv4 address, or None when the value is not one."""
    try:
        return ipaddress.IPv4Address(str(value))
    except ValueError:
        return None


def pool(variables: Mapping[str, Any]) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
    """First and last address of the load balancer pool, or None when it is not well formed."""
    value = variables.get("platform_load_balancer_pool")
    if not isinstance(value, Mapping):
        return None
    start, stop = address(value.get("start")), address(value.get("stop"))
    return (start, stop) if start and stop and start <= stop else None


def check_networks(site) -> Iterator[Finding]:
    """Networks are well formed, apart from each other, and the pod network holds every node."""
    found = {}
    for name in CIDRS:
        value = site.variables.get(name)
        if value in (None, ""):
            continue
        if net := network(value):
            found[name] = net
        else:
            yield Finding("site", name, str(value), "an IPv4 network such as 10.244.0.0/16", "No host bits may be set")
    for (one, left), (other, right) in combinations(found.items(), 2):
        if left.overlaps(right):
            yield Finding("site", one, f"{left} overlaps {other} {right}", "networks apart", f"Move {one} or {other}")
    pods = found.get("platform_pod_cidr")
    room = 2 ** max(POD_PREFIX_PER_NODE - pods.prefixlen, 0) if pods else None
    if room and room < len(site.hosts):
        wanted = f"room for {len(site.hosts)} nodes of a /{POD_PREFIX_PER_NODE} each"
        yield Finding("site", "platform_pod_cidr", f"{pods} has room for {room}", wanted, "Choose a wider network")


def check_nodes(site) -> Iterator[Finding]:
    """Each node has an address of its own inside the node network."""
    nodes = network(site.variables.get("platform_node_cidr"))
    owners: dict[str, str] = {}
    for host, variables in site.hosts.items():
        value = variables.get("ansible_host")
        own = address(value)
        if not own:
            found = "nothing" if value in (None, "") else str(value)
            yield Finding(host, "ansible_host", found, "the node's IPv4 address", "Set it in hosts.yml")
            continue
        if str(own) in owners:
            found = f"{own}, also the address of {owners[str(own)]}"
            yield Finding(host, "ansible_host", found, "an address of its own", "Give one of the two another address")
        owners.setdefault(str(own), host)
        if nodes and own not in nodes:
            wanted = f"an address in platform_node_cidr {nodes}"
            yield Finding(host, "ansible_host", str(own), wanted, "Correct the address or the network")
        elif nodes and own in (nodes.network_address, nodes.broadcast_address):
            found = f"{own}, the network or broadcast address of {nodes}"
            yield Finding(host, "ansible_host", found, "an address that a host may have")


def check_api_address(site) -> Iterator[Finding]:
    """The API has one address that no node holds: a virtual one, or that of an external load balancer."""
    value = site.variables.get("platform_api_vip")
    if value in (None, ""):
        if not site.variables.get("platform_api_load_balancer"):
            wanted = "a free address in the node network"
            remedy = "Or name an external load balancer in platform_api_load_balancer"
            yield Finding("site", "platform_api_vip", "nothing", wanted, remedy)
        return
    vip = address(value)
    if not vip:
        yield Finding("site", "platform_api_vip", str(value), "an IPv4 address")
        return
    for host, variables in site.hosts.items():
        if address(variables.get("ansible_host")) == vip:
            yield Finding(host, "platform_api_vip", f"{vip}, the address of {host}", "an address that no node holds")
    nodes = network(site.variables.get("platform_node_cidr"))
    if nodes and vip not in nodes:
        wanted = f"an address in platform_node_cidr {nodes}"
        yield Finding("site", "platform_api_vip", str(vip), wanted, "It is announced by ARP, which ends at a router")
    limits = pool(site.variables)
    if limits and limits[0] <= vip <= limits[1]:
        found = f"{vip}, inside platform_load_balancer_pool {limits[0]}-{limits[1]}"
        yield Finding("site", "platform_api_vip", found, "an address outside the pool", "Move the address or the pool")


def check_pool(site) -> Iterator[Finding]:
    """The load balancer pool is a range of node-network addresses that no node holds."""
    value = site.variables.get("platform_load_balancer_pool")
    if value in (None, "", {}):
        return
    limits = pool(site.variables)
    if not limits:
        wanted = "{start: first address, stop: last address}"
        yield Finding("site", "platform_load_balancer_pool", str(value), wanted)
        return
    start, stop = limits
    for host, variables in site.hosts.items():
        own = address(variables.get("ansible_host"))
        if own and start <= own <= stop:
            found = f"{start}-{stop}, which holds {host} {own}"
            yield Finding(host, "platform_load_balancer_pool", found, "a range without nodes", "Move the pool")
    nodes = network(site.variables.get("platform_node_cidr"))
    if nodes and not (start in nodes and stop in nodes):
        remedy = "Its addresses are announced by ARP, which ends at a router"
        wanted = f"a range in platform_node_cidr {nodes}"
        yield Finding("site", "platform_load_balancer_pool", f"{start}-{stop}", wanted, remedy)
    for name in CIDRS[1:]:
        net = network(site.variables.get(name))
        if net and start <= net.broadcast_address and stop >= net.network_address:
            found = f"{start}-{stop} overlaps {name} {net}"
            yield Finding("site", "platform_load_balancer_pool", found, "a range apart from it", "Move the pool")


CHECKS = (check_networks, check_nodes, check_api_address, check_pool)
