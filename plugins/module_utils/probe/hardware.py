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

GIB = 1024**3
SECTOR = 512
NOT_DISKS = re.compile(r"(loop|ram|zram|dm-|md|sr|fd|nbd)\d")
HYPERVISOR_DISKS = re.compile(r"(x?vd)[a-z]")
OWN_LABEL = "voicehelper"
SAMPLES, SAMPLE_BYTES = 32, 64 * 1024
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


def _mounts() -> dict[str, str]:
    """Mount point of each mounted device (real path)."""
    lines = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return {os.path.realpath(fields[0]): fields[1] for fields in lines if fields[0].startswith("/dev/")}


def _signature(device: str) -> dict[str, str]:
    """What blkid reads on the device itself: TYPE or PTTYPE, UUID, LABEL; nothing on an empty disk."""
    answer = subprocess.run(["blkid", "-p", "-o", "export", device], capture_output=True, text=True, check=False)
    if answer.returncode == 8:
        return {"ambiguous": "several signatures"}
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def _data(device: str) -> str:
    """Says so when anything but zeros is at the start, the end, or in samples between."""
    try:
        with open(device, "rb") as stream:  # noqa: PTH123 - a block device
            size = stream.seek(0, os.SEEK_END)
            for index in range(SAMPLES):
                stream.seek((size - SAMPLE_BYTES) * index // (SAMPLES - 1) if size > SAMPLE_BYTES else 0)
                if any(stream.read(SAMPLE_BYTES)):
                    return "data without a signature"
    except OSError as error:
        return f"something that cannot be read ({error.strerror})"
    return ""


def named_disk(device: str) -> dict:
    """State of a disk the inventory names: {present, gib, kind, content, partitions, mounted, known}.

    `content` says what is on it ("" for an empty disk), `mounted` where; `known` is true when /etc/fstab or
    /etc/crypttab speak of it, or its label is one that this project gives.
    """
    path = os.path.realpath(device)
    if not Path(path).is_block_device():
        return {"present": False}
    name = Path(path).name
    parts = sorted(part.parent.name for part in Path("/sys/class/block", name).resolve().glob("*/partition"))
    mounts = _mounts()
    signature = _signature(path)
    kind = signature.get("TYPE") or signature.get("PTTYPE") or signature.get("ambiguous", "")
    return {
        "present": True,
        "gib": size_gib(name),
        "kind": disk_kind(name),
        "content": kind or _data(path),
        "partitions": parts,
        "mounted": [mounts[f"/dev/{part}"] for part in (name, *parts) if f"/dev/{part}" in mounts],
        "known": _known(device, path, signature),
    }


def _known(device: str, path: str, signature: dict[str, str]) -> bool:
    if signature.get("LABEL", "").startswith(OWN_LABEL):
        return True
    tables = "".join(Path(table).read_text() for table in ("/etc/fstab", "/etc/crypttab") if Path(table).exists())
    marks = {device, path, signature.get("UUID", device)}
    return any(re.search(rf"(^|[\s=]){re.escape(mark)}(\s|$)", tables, re.MULTILINE) for mark in marks)


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
    """{release, cgroup: 1 or 2, features: abilities that are built in or can be loaded}."""
    filesystems = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()}
    features = {name: name in filesystems or _succeeds("modprobe", "-nq", name) for name in ("overlay", "xfs", "bpf")}
    features["nf_tables"] = _nf_tables() or _succeeds("modprobe", "-nq", "nf_tables")
    cgroup = 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1
    return {"release": os.uname().release, "cgroup": cgroup, "features": features}


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
