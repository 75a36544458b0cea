"""Decides what must be done to data disks; does nothing itself, so that every decision can be tested without a disk.

A disk carries up to three layers: LUKS (`encrypt`), a member of a volume group (several disks), a file system. Each layer
is recognised by the label or the group name that it was given here, and a recognised one is never made again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FILESYSTEMS = ("xfs", "ext4")


class Refused(Exception):
    """What was found does not allow to go on; the text says what was found, what was wanted and what to do."""


@dataclass
class Disk:
    """What a block device is and carries. Sizes in bytes; an absent device has `exists` false and nothing else."""

    device: str
    wipe: bool = False
    encrypt: bool = False
    exists: bool = True
    size: int = 0
    signatures: list = field(default_factory=list)  # [{type, label, uuid}]
    partitions: list = field(default_factory=list)
    holders: list = field(default_factory=list)
    mounted: str = ""
    has_data: bool = False
    volume_group: str = ""
    made: str = ""  # the file that says our volume was made on it once

    def only(self, kind):
        """The signature when it is the only one and of this type, else None."""
        return self.signatures[0] if len(self.signatures) == 1 and self.signatures[0]["type"] == kind else None


@dataclass
class Wanted:
    """The volume of one host as its inventory describes it."""

    path: str
    label: str
    filesystem: str
    options: tuple
    joined: bool = False


@dataclass
class Plan:
    """What is still to be made of the disks of a host, in this order; a device that is not there yet is ''."""

    erase: list = field(default_factory=list)  # paths
    encrypt: list = field(default_factory=list)  # disks
    open: list = field(default_factory=list)  # [{device, uuid, name}]
    members: list = field(default_factory=list)  # devices of the volume group
    join: bool = False
    volume: str = ""
    format: bool = False

    def steps(self, wanted):
        """The same in words."""
        said = [f"erase all signatures of {path}" for path in self.erase]
        said += [f"encrypt {device}" for device in self.encrypt]
        said += [f"open {disk['device']} now and at every boot" for disk in self.open]
        said += [f"join {', '.join(self.members) or 'the disks'} to the volume group {wanted.label}"] if self.join else []
        return said + ([f"make {wanted.filesystem} on {self.volume or 'the new volume'}"] if self.format else [])


def lacking(disks, kernel, has):
    """Refuse what this kernel cannot do.

    :param has: set of names out of `dm_mod` and `dm_crypt`.
    """
    every, encrypted = [disk.device for disk in disks], [disk.device for disk in disks if disk.encrypt]
    for needed, module, means in (
        (every if len(every) > 1 else [], "dm_mod", "several disks are joined by LVM"),
        (encrypted, "dm_crypt", "`encrypt: true` means LUKS"),
    ):
        if needed and module not in has:
            raise Refused(
                f"data_disks_devices: found {', '.join(needed)} on the kernel {kernel}, which has no {module}: {means}; "
                f"wanted {'one disk' if module == 'dm_mod' else '`encrypt: false`'}, or a kernel with {module}"
            )


def state(disk, wanted):
    """`ours` (keep), `blank` (make), or `wipe` (erase what is on it, then make).

    :raises Refused: when the disk is missing, in use, or carries something that the inventory does not allow to erase.
    """
    if not disk.exists:
        raise Refused(f"data_disks_devices: found no disk {disk.device}, wanted a block device")
    if _is_ours(disk, wanted):
        return "ours"
    if use := disk.mounted or ", ".join(disk.holders):
        raise Refused(f"data_disks_devices: found {disk.device} in use ({use}), wanted a disk that nothing uses")
    found = [_describe(signature) for signature in disk.signatures] + [f"partition {name}" for name in disk.partitions]
    if disk.has_data and not found:
        found = ["data without a known signature"]
    if found and disk.wipe and disk.made:
        raise Refused(
            f"data_disks_devices: found {' and '.join(found)} on {disk.device}, wanted the volume {wanted.label} that was made there: "
            f"`wipe: true` erases a disk once; put the label right, or, if nothing on it is needed, take its line out of {disk.made}"
        )
    if found and not disk.wipe:
        raise Refused(
            f"data_disks_devices: found {' and '.join(found)} on {disk.device}, wanted a blank disk; "
            f"if nothing on it is needed, write {{device: {disk.device}, wipe: true}} in the inventory"
        )
    return "wipe" if found else "blank"


def fresh(disk, wanted):
    """True when nothing has been made yet inside a layer of ours: an opened LUKS disk or a logical volume.

    Whatever bytes lie there are left-overs; a signature is not.

    :raises Refused: for a signature that is not ours.
    """
    if _is_ours(disk, wanted):
        return False
    if disk.signatures:
        found = " and ".join(_describe(signature) for signature in disk.signatures)
        raise Refused(f"data_disks_devices: found {found} inside {disk.device}, wanted our own data or nothing")
    return True


def _is_ours(disk, wanted):
    if disk.encrypt:
        found = disk.only("crypto_LUKS")
        return bool(found) and found["label"] == wanted.label
    if wanted.joined:
        return bool(disk.only("LVM2_member")) and disk.volume_group == wanted.label
    return _is_our_filesystem(disk, wanted)


def _is_our_filesystem(disk, wanted):
    ours = [s for s in disk.signatures if s["type"] in FILESYSTEMS and s["label"] == wanted.label]
    if ours and ours[0]["type"] != wanted.filesystem:
        raise Refused(
            f"data_disks_filesystem: found {ours[0]['type']} with our data on {disk.device}, wanted "
            f"{wanted.filesystem}; a file system is not converted: keep the setting or move the data away first"
        )
    return bool(ours)


def _describe(signature):
    return " ".join(filter(None, (signature["type"], signature["label"] and f"labelled {signature['label']}")))


def erasing(disk):
    """Paths whose signatures go, a disk's partitions before it."""
    return [*(f"/dev/{name}" for name in disk.partitions), disk.device]


def mapping(uuid):
    """Name of an opened LUKS disk below /dev/mapper."""
    return f"luks-{uuid}"


def opened_at_boot(crypttab, uuid):
    """Whether /etc/crypttab, given as its lines, opens the LUKS disk."""
    return any(line.split()[:1] == [mapping(uuid)] for line in crypttab)


def any_joined(members, wanted):
    """Whether one of the devices is in the volume group."""
    return any(member.volume_group == wanted.label for member in members)


def incomplete(members, wanted):
    """Whether one of the devices is not in the volume group."""
    return any(member.volume_group != wanted.label for member in members)


def usable(options, filesystem, quotas):
    """Mount options without `prjquota` where the file system or the kernel has no project quotas, as such a mount would fail."""
    return tuple(option for option in options if option != "prjquota" or (filesystem == "xfs" and quotas))


def remounting(wanted):
    """Command that brings new options into force; quotas are switched on by the next mount only, which the kernel insists on."""
    options = ",".join(["remount", *(option for option in wanted.options if option != "prjquota")])
    return ["mount", "-o", options, wanted.path]


def starting(unit, device):
    """Commands that mount the volume now.

    udev does not watch a disk while it works on an event of it, so the file system made right after a wipe may be missed, and the
    link of its UUID, for which the mount waits, with it: the disk is shown to udev once more first.
    """
    return [["udevadm", "trigger", "--settle", device], ["systemctl", "start", unit]]


def mount_unit(uuid, wanted):
    """The systemd unit that mounts the volume at every boot; a dead disk does not keep the node from booting."""
    return f"""\
# Made by Ansible (role data_disks).
[Unit]
Description=Data of {wanted.label}

[Mount]
What=/dev/disk/by-uuid/{uuid}
Where={wanted.path}
Type={wanted.filesystem}
Options={",".join(wanted.options)}

[Install]
WantedBy=local-fs.target
"""


def kubelet_dropin(wanted):
    """Keeps a kubelet from starting on a node whose data is not mounted: it would write to the root disk instead."""
    return f"# Made by Ansible (role data_disks).\n[Unit]\nRequiresMountsFor={wanted.path}\n"
