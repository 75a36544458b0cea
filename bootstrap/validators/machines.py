"""Rules for one machine at a time, from what `node_probe` saw on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .findings import Finding

SPEED = {"hdd": 0, "ssd": 1, "nvme": 2}
OLDEST_KERNEL = (5, 10)  # Cilium's own floor
TOLERANCE = 0.9  # firmware and kernel keep some memory; a seller's GB is smaller than a GiB
ARCHITECTURES = ("x86_64", "aarch64")
OTHER_FILTERS = {"firewalld.service", "ufw.service", "nftables.service"}
TESTED = {"debian": ("12", "13")}
UNTESTED = {
    "ubuntu": ("22.04", "24.04"),
    "rhel": ("9",),
    "rocky": ("9",),
    "almalinux": ("9",),
    "centos": ("9",),
}


@dataclass(frozen=True)
class Machine:
    """A node, what the probe saw on it, and what its role asks of it.

    `probe` is the answer of `node_probe`; `wanted` the machine row of the size class; `pod_encryption` is platform_pod_encryption.
    """

    host: str
    role: str
    probe: Mapping[str, Any]
    wanted: Mapping[str, Any]
    kubernetes: str
    limits: Mapping[str, float]
    pod_encryption: str


def check_system(machine: Machine) -> Iterator[Finding]:
    """Operating system, architecture and kernel are ones this project works on."""
    system, arch = machine.probe["distribution"], machine.probe["architecture"]
    found = f"{system['id']} {system['version']}"
    names = ", ".join(f"{name} {' or '.join(versions)}" for name, versions in TESTED.items())
    if not _listed(system, TESTED):
        remedy = "Nobody has tried this one" if _listed(system, UNTESTED) else "Install one of them"
        fatal = not _listed(system, UNTESTED)
        yield Finding(machine.host, "operating system", found, names, remedy, "distribution", fatal)
    if arch not in ARCHITECTURES:
        yield Finding(machine.host, "architecture", arch, " or ".join(ARCHITECTURES), check="architecture")
    kernel = machine.probe["kernel"]
    numbers = tuple(int(part) for part in kernel["release"].split("-")[0].split(".")[:2])
    if numbers < OLDEST_KERNEL:
        wanted = f"{OLDEST_KERNEL[0]}.{OLDEST_KERNEL[1]} or newer"
        yield Finding(machine.host, "kernel", kernel["release"], wanted, "Install a newer kernel", "kernel")
    if kernel["cgroup"] != 2:
        remedy = "Boot with systemd.unified_cgroup_hierarchy=1"
        yield Finding(machine.host, "cgroup", f"version {kernel['cgroup']}", "version 2", remedy, "cgroup")
    for feature in sorted(name for name, there in kernel["features"].items() if not there):
        yield Finding(machine.host, "kernel", f"no {feature}", f"{feature}, built in or as a module", check="kernel")


def check_pod_encryption(machine: Machine) -> Iterator[Finding]:
    """The kernel encrypts between nodes, where the site asks for that."""
    if machine.pod_encryption == "wireguard" and not machine.probe["kernel"]["wireguard"]:
        wanted = "wireguard, built in or as a module, for platform_pod_encryption"
        remedy = "Install the kernel's modules, or say platform_pod_encryption: none where nobody else is on the nodes' network"
        yield Finding(machine.host, "kernel", "no wireguard", wanted, remedy, "pod_encryption")


def check_size(machine: Machine) -> Iterator[Finding]:
    """Processors, memory and disk reach what the size class promises for the role."""
    wanted, probe = machine.wanted, machine.probe
    claim = f"for a {machine.role.replace('_', ' ')} of this platform_size"
    remedy = "Use a bigger machine, or claim a smaller platform_size"
    if probe["cpus"] < wanted["cpu"]:
        yield Finding(machine.host, "cpu", str(probe["cpus"]), f"{wanted['cpu']} {claim}", remedy, "cpu")
    if probe["memory_gib"] < wanted["memory_gib"] * TOLERANCE:
        found = f"{probe['memory_gib']} GiB"
        yield Finding(machine.host, "memory", found, f"{wanted['memory_gib']} GB {claim}", remedy, "memory")
    total = sum(disk["gib"] for disk in probe["disks"])
    if total < wanted["disk_gib"] * TOLERANCE:
        found = f"{total:.0f} GiB in {len(probe['disks'])} disks"
        yield Finding(machine.host, "disk", found, f"{wanted['disk_gib']} GB {claim}", remedy, "disk_size")
    least = SPEED.get(wanted["disk_type"], 0)
    for disk in probe["disks"]:
        if SPEED.get(disk["kind"], least) < least:
            found = f"{disk['name']} is {disk['kind']}"
            yield Finding(machine.host, "disk type", found, f"{wanted['disk_type']} {claim}", remedy, "disk_type")


def check_disks(machine: Machine) -> Iterator[Finding]:
    """Role data_disks would take each named disk: `variable: found …, wanted …` is what it says when it would not."""
    for refusal in machine.probe["refused_disks"]:
        variable, _, text = refusal.partition(": found ")
        found, _, wanted = text.partition(", wanted ")
        yield Finding(machine.host, variable, found, wanted, check="disk")


def check_identity(machine: Machine) -> Iterator[Finding]:
    """The machine has the address that the inventory gives it, and an id."""
    if not machine.probe["interface"]:
        remedy = "Use the address that the other nodes see; kubelet registers with it"
        yield Finding(machine.host, "ansible_host", "on no interface", "an address of this machine", remedy, "address")
    if not machine.probe["machine_id"]:
        remedy = "Run systemd-machine-id-setup"
        yield Finding(machine.host, "machine-id", "empty", "an id of its own", remedy, "machine_id")


def check_network(machine: Machine) -> Iterator[Finding]:
    """Ports are free, names resolve here and in pods, and the artifact source answers."""
    for port, program in sorted(machine.probe["taken_ports"].items()):
        remedy = "Stop it; this machine is not part of a cluster yet"
        yield Finding(machine.host, f"port {port}", f"held by {program}", "a free port", remedy, "ports")
    for address in (address for address in machine.probe["resolvers"] if address.startswith("127.") or address == "::1"):
        remedy = "CoreDNS on it would ask itself: name the resolvers behind it in /etc/resolv.conf, or use systemd-resolved"
        yield Finding(machine.host, "resolver", address, "an address that pods reach too", remedy, "resolver")
    unreached = machine.probe["unreached"]
    for name, reason in sorted(unreached["names"].items()):
        yield Finding(machine.host, f"DNS {name}", reason, "an address", "Mend /etc/resolv.conf or the name", "dns")
    for url, reason in sorted(unreached["urls"].items()):
        remedy = "Check route, firewall and proxy, or artifacts_source and artifacts_base_url"
        yield Finding(machine.host, f"artifacts {url}", reason, "an answer to HTTP HEAD", remedy, "artifacts")


def check_clock(machine: Machine) -> Iterator[Finding]:
    """The clock agrees with the controller's."""
    offset, limit = machine.probe["clock_offset"], machine.limits["clock_seconds"]
    if abs(offset) > limit:
        found = f"{offset:+.1f} s against the controller"
        remedy = "Set the clock once; chrony keeps it from then on"
        yield Finding(machine.host, "clock", found, f"at most {limit:g} s apart", remedy, "clock")


def check_etcd_disk(machine: Machine) -> Iterator[Finding]:
    """The disk below etcd confirms a write fast enough."""
    seen = machine.probe["fsync_p99_ms"]
    slow, unusable = machine.limits["fsync_warning_ms"], machine.limits["fsync_error_ms"]
    if seen is not None and seen > slow:
        found, wanted = f"{seen:g} ms at the 99th percentile", f"at most {slow:g} ms (refused above {unusable:g} ms)"
        remedy = "Give etcd a faster disk: leaders are lost over slow writes"
        yield Finding(machine.host, "etcd disk", found, wanted, remedy, "fsync", fatal=seen > unusable)


def check_swap(machine: Machine) -> Iterator[Finding]:
    """Swap is worth a word: it goes away."""
    if active := machine.probe["swap"]["active"]:
        yield Finding(machine.host, "swap", ", ".join(active), "no swap", "It is switched off for good", "swap", False)


def check_other_filters(machine: Machine) -> Iterator[Finding]:
    """A second packet filter decides as well, and knows nothing of pods."""
    for unit in sorted(OTHER_FILTERS.intersection(machine.probe["ready_units"])):
        remedy = "Disable it, or set firewall_enabled: false and open the ports there"
        yield Finding(machine.host, "packet filter", f"{unit} is active", "one filter", remedy, "firewall", False)


def check_kubernetes(machine: Machine) -> Iterator[Finding]:
    """The wanted version is no downgrade, and the API server is not taken over a minor version."""
    state, wanted = machine.probe["kubernetes"], _version(machine.kubernetes)
    for program, step in (("api_server", 1), ("kubelet", 3)):
        if not state[program] or (program == "kubelet" and not state["joined"]):
            continue
        running = _version(state[program])
        what = f"{program.replace('_', ' ')} version"
        if wanted < running:
            remedy = "A cluster is not downgraded: restore a backup, or keep the version"
            yield Finding(machine.host, what, state[program], f"at most {machine.kubernetes}", remedy, "version")
        elif wanted[0] != running[0] or wanted[1] - running[1] > step:
            target = f"{running[0]}.{running[1] + step}"
            remedy = f"Set artifacts_versions.kubernetes to a {target} first: a minor version must not be skipped"
            found = f"{state[program]}, and {machine.kubernetes} is asked for"
            yield Finding(machine.host, what, found, f"at most {target} in one step", remedy, "version")


CHECKS = (
    check_system,
    check_pod_encryption,
    check_size,
    check_disks,
    check_identity,
    check_network,
    check_clock,
    check_etcd_disk,
    check_swap,
    check_other_filters,
    check_kubernetes,
)


def validate(machine: Machine) -> list[Finding]:
    """All findings of one machine."""
    return [finding for check in CHECKS for finding in check(machine)]


def _listed(system: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the release, or the major release, is in the table."""
    versions = known.get(system["id"], ())
    return any(system["version"] == version or system["version"].split(".")[0] == version for version in versions)


def _version(text: str) -> tuple[int, int, int]:
    major, minor, patch = text.split(".")[:3]
    return int(major), int(minor), int(patch)
