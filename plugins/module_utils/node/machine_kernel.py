"""Takes away what containers and Cilium leave in the kernel: mounts, eBPF programs, links, routing, chains of the packet filter."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible.module_utils.node import machine_state
from ansible.module_utils.node.machine_state import Note, Refused, below
from ansible.module_utils.node.node_steps import Node
from ansible.module_utils.node.probe.software import output_lines

FAMILIES = ("-4", "-6")


def clean(node: Node, before: Note, paths: list[str], address: str) -> None:
    """All of it, each program before the maps that it needs, and a link with its routes.

    Args:
        before: what was there then stays.
        paths: the places of our programs.
        address: the API's, which this machine may hold.

    Raises:
        Refused: there is no program to remove something with.
    """
    unmount(node, before, paths)
    detach(node, before)
    for link in machine_state.links():
        if machine_state.PODS_LINK.match(link) and Path("/sys/class/net", link).exists():  # of a pair the other one goes along
            node.run(["ip", "link", "delete", link])
    unroute(node, before)
    for link, found in machine_state.addresses():
        if address and found == f"{address}/32" and not before.has("addresses", f"{found} {link}"):
            node.run(["ip", "address", "delete", found, "dev", link])
    unfilter(node, before)


def unmount(node: Node, before: Note, paths: list[str]) -> None:
    """What is mounted in these places, the last one first; a place itself may be a mount of the site's, which only the note tells."""
    mine = [path for path, _ in machine_state.mounts() if below(path, paths) and not before.has("mounts", path)]
    if mine := mine if before.known else [path for path in mine if path not in paths]:
        node.act(f"unmount {len(mine)} places, from {mine[-1]} on", release, node, reversed(mine))


def release(node: Node, places: Iterable[str]) -> None:
    """Unmount these places. Raises Refused for one that is in use."""
    for path in places:
        if path in dict(machine_state.mounts()):  # one that is shared goes with its peer
            rc, _, err = node.module.run_command(["umount", path])
            if rc:
                raise Refused(
                    f"{path}: found it in use ({err.strip()}), wanted it unmounted: end what fuser -vm {path} names and run it again"
                )


def detach(node: Node, before: Note) -> None:
    """What tc runs of Cilium on links that stay, then what is pinned: links and maps of programs end with their last name."""
    for link in machine_state.links():
        filters = machine_state.filters(link)
        ours = {(side, str(entry["pref"])) for side, entry in filters if entry["options"]["bpf_name"].startswith("cil_")}
        for side, number in sorted(ours):
            node.run(["tc", "filter", "delete", "dev", link, side, "pref", number])
        if ours and not before.has("eBPF", f"{link} clsact") and (node.check or not machine_state.filters(link)):
            node.run(["tc", "qdisc", "delete", "dev", link, "clsact"])
    if pins := [name for name in machine_state.pinned() if name.startswith(machine_state.PODS_PROGRAMS)]:
        node.act(f"unpin {len(pins)} eBPF programs and maps", unpin, pins)


def unpin(names: Iterable[str]) -> None:
    """Remove pinned objects, and the folders that only held them."""
    for name in names:
        Path(name).unlink(missing_ok=True)
    for root in ("/sys/fs/bpf/cilium", "/sys/fs/bpf/tc"):
        for folder, _, _ in os.walk(root, topdown=False):
            if not any(Path(folder).iterdir()):
                Path(folder).rmdir()


def unroute(node: Node, before: Note) -> None:
    """Cilium's routing rules and tables; the kernel's rule for local addresses, which it moves, is back before the moved one goes."""
    for family in FAMILIES:
        rules = machine_state.rules(family)
        ours = [rule for rule in rules if machine_state.of_pods(machine_state.describe(family, rule))]
        ours = [rule for rule in ours if not before.has("rules", machine_state.describe(family, rule))]
        if ours and all(rule.get("priority") for rule in rules):
            node.run(["ip", family, "rule", "add", "priority", "0", "lookup", "local"])
        for rule in ours:
            node.run(["ip", family, "rule", "delete", "priority", str(rule["priority"]), "lookup", rule["table"]])
        tables = {route.get("table") for route in machine_state.routes(family)}
        for table in sorted(machine_state.PODS_TABLES & tables):
            node.run(["ip", family, "route", "flush", "table", table])


def unfilter(node: Node, before: Note) -> None:
    """Chains of Cilium and the kubelet, in whatever table of iptables; a table that came for them goes with them."""
    chains = [name for name in machine_state.packet_filter() if machine_state.PODS_CHAIN.match(name.split()[-1])]
    if not chains:
        return
    listing = "".join(output_lines("nft", "-j", "list", "ruleset"))
    if not listing:
        raise Refused(
            f"packet filter: found {', '.join(chains[:3])} and no nft to remove them with, wanted neither: restart the machine, which ends "
            "them, or install nftables, and run it again"
        )
    commands = unfiltering(json.loads(listing)["nftables"], lambda table: before.has("packet filter", table))
    node.run(["nft", "; ".join(commands)])


def unfiltering(listing: list[dict], there_before: Callable[[str], bool]) -> list[str]:
    """Commands of nft that take the chains of pods out of a ruleset, as one transaction.

    Args:
        listing: what `nft -j list ruleset` gives as `nftables`.
        there_before: tells of `family table` whether it was there before.
    """
    tables: dict[str, dict[str, list]] = {}
    for entry in listing:
        for kind in entry.keys() & {"chain", "rule"}:
            what = entry[kind]
            tables.setdefault(f"{what['family']} {what['table']}", {"chain": [], "rule": []})[kind].append(what)
    calls, flushes, deletes = [], [], []
    for table, parts in tables.items():
        ours = {chain["name"] for chain in parts["chain"] if machine_state.PODS_CHAIN.match(chain["name"])}
        others = [chain for chain in parts["chain"] if chain["name"] not in ours]
        rules = [rule for rule in parts["rule"] if rule["chain"] not in ours]
        calling = [rule for rule in rules if targets(rule["expr"]) & ours]
        if ours and rules == calling and all("hook" in chain for chain in others) and not there_before(table):
            deletes.append(f"delete table {table}")
            continue
        calls += [f"delete rule {table} {rule['chain']} handle {rule['handle']}" for rule in calling]
        flushes += [f"flush chain {table} {name}" for name in sorted(ours)]
        deletes += [f"delete chain {table} {name}" for name in sorted(ours)]
    return calls + flushes + deletes


def targets(expressions: list[dict]) -> set[str]:
    """Chains that a rule hands packets to."""
    return {entry[verb]["target"] for entry in expressions for verb in ("jump", "goto") if isinstance(entry.get(verb), dict)}
