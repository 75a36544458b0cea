"""Processor, memory, disks, kernel."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from ansible.module_utils.node import disk_facts, disk_plan

GIB = 1024**3
SECTOR = 512
NOT_DISKS = re.compile(r"(loop|ram|zram|dm-|md|sr|fd|nbd)\d")
HYPERVISOR_DISKS = re.compile(r"(x?vd)[a-z]")
FSYNC_ROUNDS, FSYNC_BYTES, FSYNC_SECONDS = 200, 2300, 3.0  # the write size of etcd's own log
# From linux/netlink.h and linux/netfilter/nf_tables.h.
NETLINK_NETFILTER, NETLINK_ERROR, NETLINK_LENGTH, NETLINK_REQUEST_DUMP, NFT_GET_TABLES = 12, 2, 20, 0x301, 10 << 8 | 1


def memory_gib() -> float:
    """Installed memory as the kernel counts it, in GiB."""
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    return round(int(total.split()[1]) * 1024 / GIB, 1)


def disk_kind(name: str) -> str:
    """nvme, ssd, hdd, virtual (the hypervisor hides it) or loop, for a kernel name such as sda1."""
    if name.startswith("nvme"):
        return "nvme"
    if name.startswith("loop"):
        return "loop"
    if HYPERVISOR_DISKS.match(name):
        return "virtual"
    folder = Path("/sys/class/block", name).resolve()
    if (folder / "partition").exists():
        folder = folder.parent
    try:
        return "hdd" if (folder / "queue/rotational").read_text().strip() == "1" else "ssd"
    except OSError:
        return "unknown"


def size_gib(name: str) -> float:
    """Size of a block device in GiB, 0 when the kernel gives none."""
    try:
        return round(int(Path("/sys/class/block", name, "size").read_text()) * SECTOR / GIB, 1)
    except (OSError, ValueError):
        return 0.0


def disks() -> list[dict]:
    """The machine's own disks as [{name, gib, kind}]."""
    names = sorted(entry.name for entry in Path("/sys/block").iterdir() if not NOT_DISKS.match(entry.name))
    found = [{"name": name, "gib": size_gib(name), "kind": disk_kind(name)} for name in names]
    return [disk for disk in found if disk["gib"] > 0]


def refused_disks(disks: list[dict], label: str, filesystem: str) -> list[str]:
    """Why role data_disks would refuse the disks that the inventory names, by its own rules; nothing when it would not."""
    wanted = disk_plan.Wanted("/data", label, filesystem, (), joined=len(disks) > 1)
    found = [disk_facts.inspect(disk["device"], disk["wipe"], disk["encrypt"]) for disk in disks]
    refusals = []
    for judge in (
        lambda: disk_plan.lacking(found, os.uname().release, disk_facts.device_mapper()),
        *(lambda disk=disk: disk_plan.state(disk, wanted) for disk in found),
    ):
        try:
            judge()
        except disk_plan.Refused as refusal:
            refusals.append(str(refusal))
    return refusals


def fsync_p99_ms(directory: str) -> float:
    """99th percentile of write + fdatasync in the nearest existing parent of `directory`, in milliseconds."""
    folder = Path(directory)
    while not folder.is_dir():
        folder = folder.parent
    times, block, end = [], os.urandom(FSYNC_BYTES), time.monotonic() + FSYNC_SECONDS
    with tempfile.TemporaryFile(dir=folder) as stream:
        while len(times) < FSYNC_ROUNDS and time.monotonic() < end:
            began = time.monotonic()
            os.write(stream.fileno(), block)
            os.fdatasync(stream.fileno())
            times.append(time.monotonic() - began)
    return round(sorted(times)[int(len(times) * 0.99)] * 1000, 1)


def swap() -> dict:
    """{active: devices in use, fstab: whether /etc/fstab names one}."""
    active = [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    fstab = Path("/etc/fstab")
    lines = fstab.read_text().splitlines() if fstab.exists() else []
    return {"active": active, "fstab": any(re.match(r"\s*[^#\s]\S*\s+\S+\s+swap\s", line) for line in lines)}


def kernel() -> dict:
    """{release, cgroup: 1 or 2, features that every node needs, wireguard that a site may do without: there or loadable}."""
    filesystems = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()}
    features = {name: name in filesystems or _succeeds("modprobe", "-nq", name) for name in ("overlay", "xfs", "bpf")}
    features["nf_tables"] = _nf_tables() or _succeeds("modprobe", "-nq", "nf_tables")
    cgroup = 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1
    wireguard = Path("/sys/module/wireguard").exists() or _succeeds("modprobe", "-nq", "wireguard")
    return {"release": os.uname().release, "cgroup": cgroup, "features": features, "wireguard": wireguard}


def _nf_tables() -> bool:
    """Ask the kernel for its nftables tables by netlink: the nft program may not be installed yet."""
    request = struct.pack("=IHHIIBBH", NETLINK_LENGTH, NFT_GET_TABLES, NETLINK_REQUEST_DUMP, 1, 0, socket.AF_UNSPEC, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
            netlink.settimeout(2)
            netlink.send(request)
            answer = netlink.recv(65536)
    except OSError:
        return False
    return struct.unpack_from("=H", answer, 4)[0] != NETLINK_ERROR


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
