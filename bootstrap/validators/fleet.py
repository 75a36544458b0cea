"""Rules for the machines together: what must differ between them, and whether they reach each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .findings import Finding


def check_unique(probes: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Machine ids and MAC addresses are given once; a host name given twice will be set right."""
    facts = {
        "machine-id": ("machine_id", lambda probe: probe["machine_id"]),
        "MAC address": ("mac", lambda probe: probe["interface"].get("mac", "")),
        "host name": ("hostname", lambda probe: probe["hostname"]),
    }
    remedies = {
        "machine-id": "Empty /etc/machine-id of a clone, run systemd-machine-id-setup and reboot it",
        "MAC address": "Give the virtual machine's interface another address",
        "host name": "It is set to the inventory's name",
    }
    for what, (check, read) in facts.items():
        first: dict[str, str] = {}
        for host, probe in probes.items():
            value = read(probe)
            if value and value in first:
                found = f"{value}, as on {first[value]}"
                yield Finding(host, what, found, "one of its own", remedies[what], check, fatal=what != "host name")
            first.setdefault(value, host)


def check_peers(probes: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Every node reaches every other that answers us."""
    for host, probe in probes.items():
        for peer, reason in sorted(probe["unreached"]["peers"].items()):
            if peer in probes:
                remedy = "Check route, switch and firewall between the two"
                yield Finding(host, f"way to {peer}", reason, "an answer", remedy, "peers")


def check_lost(hosts: list[str], probes: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """A machine that does not answer is named; the others go on without it."""
    for host in hosts:
        if host not in probes:
            remedy = "It is left out of this run. Check power, network and SSH, then run again"
            yield Finding(host, "machine", "no answer", "one that answers", remedy, "unreachable", fatal=False)


def validate(hosts: list[str], probes: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """All findings about the machines together. `hosts` are those of the inventory, `probes` of those that answered."""
    return [*check_lost(hosts, probes), *check_unique(probes), *check_peers(probes)]
