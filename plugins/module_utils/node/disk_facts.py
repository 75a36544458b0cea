"""Looks at block devices and at what the kernel can do with them; changes nothing."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path

from ansible.module_utils.node.disk_plan import Disk

_SYS = Path("/sys/class/block")
_EDGE = 1 << 20  # bytes looked at on either end of a disk: boot sectors, partition tables, RAID and file system headers


def inspect(device, wipe=False, encrypt=False):
    """The Disk behind a device path; symbolic links are followed.

    :raises OSError: when the device cannot be read.
    """
    real = os.path.realpath(device)
    if not Path(real).is_block_device():
        return Disk(device, wipe, encrypt, exists=False)
    name = kernel_name(real)
    partitions = sorted(entry.parent.name for entry in (_SYS / name).glob("*/partition"))
    holders = sorted(entry.name for part in (name, *partitions) for entry in (_SYS / part / "holders").glob("*"))
    signatures = signatures_of(real)
    member = any(signature["type"] == "LVM2_member" for signature in signatures)
    return Disk(
        device,
        wipe,
        encrypt,
        size=int((_SYS / name / "size").read_text()) * 512,
        signatures=signatures,
        partitions=partitions,
        holders=holders,
        mounted=_use([name, *partitions]),
        has_data=_has_data(real),
        volume_group=volume_group(real) if member else "",
    )


def signatures_of(device):
    """[{type, label, uuid}] of every file system, RAID, LVM, LUKS or partition table on the device."""
    found = json.loads(_read("wipefs", "--no-act", "--json", device) or "{}").get("signatures", [])
    unique = {entry["type"]: {key: entry.get(key) or "" for key in ("type", "label", "uuid")} for entry in found}
    return list(unique.values())  # a file system or table with several magic strings is listed once for each


def uuid_of(device):
    """UUID of what the device carries; '' for a blank one."""
    return _read("blkid", "--probe", "--match-tag=UUID", "--output=value", device).strip()


def volume_group(device):
    """Name of the volume group that the device belongs to; '' for none."""
    return _read("pvs", "--noheadings", "--options=vg_name", device).strip()


def free_extents(group):
    """How many extents of a volume group no volume takes; None where there is no such group."""
    found = _read("vgs", "--noheadings", "--options=vg_free_count", group).strip()
    return int(found) if found else None


def lines(path):
    """Lines of a text file; none where there is no such file."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def mounted_device(path):
    """Kernel name of the block device mounted at the path; '' when nothing is, the source text when it is no device."""
    here = [(number, source) for number, place, source in _mounts() if place == path]
    if not here:
        return ""
    number, source = here[-1]  # the one on top
    entry = Path("/sys/dev/block", number)
    return entry.resolve().name if entry.exists() else source


def present():
    """`name size` of every disk of the machine that has a device node, for messages."""
    names = sorted(entry.name for entry in _SYS.glob("*") if not (entry / "partition").exists())
    sizes = {name: int((_SYS / name / "size").read_text()) * 512 for name in names}
    return [f"/dev/{name} {size / 2**30:.0f} GiB" for name, size in sizes.items() if size and Path("/dev", name).exists()]


def device_mapper():
    """Those of `dm_mod` and `dm_crypt` that the kernel has or can load."""
    has = set()
    if Path("/dev/mapper/control").exists() or _loadable("dm_mod"):
        has.add("dm_mod")
        if Path("/sys/module/dm_crypt").exists() or _loadable("dm_crypt"):
            has.add("dm_crypt")
    return has


def project_quotas():
    """Whether the kernel's XFS has quotas, by its configuration, or where that is not at hand by what a loaded XFS shows."""
    packed, plain = Path("/proc/config.gz"), Path(f"/boot/config-{os.uname().release}")
    for text in (plain.read_text() if plain.exists() else "", gzip.decompress(packed.read_bytes()).decode() if packed.exists() else ""):
        if text:
            return "\nCONFIG_XFS_QUOTA=y\n" in text
    return Path("/proc/fs/xfs/xqm").exists()


def needs_reload(*units):
    """Whether systemd has yet to read what was written to one of the units."""
    return "yes" in _read("systemctl", "show", "--property=NeedDaemonReload", "--value", *units).split()


def identity(device):
    """What stays of a disk wherever it is plugged in, its serial number; the path that the inventory names where it has none."""
    return _read("lsblk", "--nodeps", "--noheadings", "--output=SERIAL", os.path.realpath(device)).strip() or device


def kernel_name(device):
    """Name of a device below /sys/class/block, links followed."""
    number = Path(device).stat().st_rdev
    return Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve().name


def _use(names):
    """How the devices are used: `mounted at …` or `swap`; '' when they are not."""
    numbers = {(_SYS / name / "dev").read_text().strip() for name in names}
    places = [f"mounted at {place}" for number, place, _ in _mounts() if number in numbers]
    swaps = [os.path.realpath(line.split()[0]) for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    places += ["swap" for swap in swaps if Path(swap).name in names]
    return ", ".join(dict.fromkeys(places))


def _mounts():
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, origin = line.partition(" - ")
        yield fields.split()[2], fields.split()[4].replace("\\040", " "), origin.split()[1]


def _has_data(device):
    with Path(device).open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        for position in (0, max(0, size - _EDGE)):
            stream.seek(position)
            if any(stream.read(_EDGE)):
                return True
    return False


def _loadable(module):
    return _succeeds("modprobe", "--dry-run", "--quiet", module)


def _succeeds(*command):
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _read(*command):
    try:
        return subprocess.run(command, capture_output=True, check=False, text=True).stdout
    except FileNotFoundError:
        return ""
