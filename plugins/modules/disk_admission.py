#!/usr/bin/python
"""Judge the disks of a node and say what is still to be made of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_admission
short_description: Judge the disks of a node and say what is still to be made of them
description:
  - Looks at the disks and refuses what carries something it does not know, is in use, or asks for what the kernel cannot do.
  - A volume made earlier is recognised by its label and kept, with all that is on it, also by a freshly installed node.
  - It changes nothing itself. What it finds missing is made by the modules of C(community.general) and C(community.crypto), a layer at a
    time, and judged again after each, as what lies inside a layer is seen only then.
  - Those modules cannot look at what is not there yet, so in check mode this one reports, with its diff, all that they would do.
options:
  devices:
    description: The disks.
    type: list
    elements: dict
    required: true
    suboptions:
      device: {description: Path of a whole block device., type: path, required: true}
      wipe: {description: Whether what this disk carries may be erased. A volume of this label is kept., type: bool, default: false}
      encrypt: {description: Whether LUKS2 lies under the volume., type: bool, default: false}
  path: {description: Where the volume is mounted., type: path, required: true}
  label: {description: Label of file system and LUKS and name of the volume group., type: str, required: true}
  filesystem: {description: File system of the volume., type: str, choices: [xfs, ext4], default: xfs}
  made:
    description: File on the node that lists the disks on which the volume was made. They are never erased again, whatever C(wipe) says.
    type: path
    required: true
author: VoiceHelper
"""

RETURN = r"""
erase:
  description: Paths whose signatures are to be erased, partitions before their disk.
  returned: always
  type: list
  elements: str
encrypt:
  description: Disks that are to become LUKS2.
  returned: always
  type: list
  elements: str
open:
  description: LUKS disks of ours that are not open, or that no boot opens, each with C(device), C(uuid) and C(name) below C(/dev/mapper).
  returned: always
  type: list
  elements: dict
members:
  description: The devices of the volume group; empty where one disk is the whole volume, and while one of them is not open.
  returned: always
  type: list
  elements: str
join:
  description: Whether the volume group lacks one of its members, or its volume does not fill it.
  returned: always
  type: bool
volume:
  description: Path of the device that carries the file system; empty while it is not there.
  returned: always
  type: str
format:
  description: Whether the file system is to be made; false also while that cannot be seen, as in a disk that is not open.
  returned: always
  type: bool
steps:
  description: All of that in words, in the order in which it is done.
  returned: always
  type: list
  elements: str
identities:
  description: What stays of each disk wherever it is plugged in.
  returned: always
  type: list
  elements: str
"""

import os
from dataclasses import asdict, replace
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import disk_facts, disk_plan

CRYPTTAB = Path("/etc/crypttab")


def admit(wanted, params):
    """The Plan for the disks.

    :raises Refused: for a disk that cannot or must not be taken.
    :raises OSError: for one that cannot be read.
    """
    made = disk_facts.lines(params["made"])
    disks = [disk_facts.inspect(**entry) for entry in params["devices"]]
    disks = [replace(disk, made=params["made"] if disk_facts.identity(disk.device) in made else "") for disk in disks]
    disk_plan.lacking(disks, os.uname().release, disk_facts.device_mapper())
    states = [disk_plan.state(disk, wanted) for disk in disks]
    plan = disk_plan.Plan()
    layers = []  # (device inside the disk's LUKS or the disk itself, '' while it is not there; whether it is known that nothing is inside)
    for disk, state in zip(disks, states):  # noqa: B905 - nodes may have Python 3.9
        if state == "wipe":
            plan.erase += disk_plan.erasing(disk)
        layers.append(_decrypted(plan, wanted, disk, state) if disk.encrypt else (disk.device, state != "ours"))
    if wanted.joined:
        _joined(plan, wanted, layers)
    else:
        plan.volume, plan.format = layers[0]
    found = disk_facts.mounted_device(wanted.path)
    if found and (not plan.volume or found != disk_facts.kernel_name(plan.volume)):
        raise disk_plan.Refused(
            f"data_disks_devices: found {found} mounted at {wanted.path}, wanted {plan.volume or 'the new volume'} there; "
            "unmount it, or leave data_disks_devices empty to use it as it is"
        )
    return plan


def _decrypted(plan, wanted, disk, state):
    if state != "ours":
        plan.encrypt.append(disk.device)
        return "", True
    uuid = disk_facts.uuid_of(os.path.realpath(disk.device))
    inner = Path(f"/dev/mapper/{disk_plan.mapping(uuid)}")
    if not inner.exists() or not disk_plan.opened_at_boot(disk_facts.lines(CRYPTTAB), uuid):
        plan.open.append({"device": disk.device, "uuid": uuid, "name": inner.name})
    return (str(inner), disk_plan.fresh(disk_facts.inspect(str(inner)), wanted)) if inner.exists() else ("", False)


def _joined(plan, wanted, layers):
    volume, devices = f"/dev/{wanted.label}/data", [device for device, _ in layers]
    plan.members = devices if all(devices) else []
    inside = [disk_facts.inspect(device) for device in devices if device]
    ours, free = disk_plan.any_joined(inside, wanted), disk_facts.free_extents(wanted.label)
    if free is not None and not ours:
        raise disk_plan.Refused(
            f"data_disks_devices: found a volume group {wanted.label} on none of these disks, wanted it on them or nowhere; "
            "name its disks, or, if nothing on them is needed, take them out of the machine"
        )
    there = ours and Path(volume).exists()
    closed = any(not device and not blank for device, blank in layers)
    plan.volume = volume if there else ""
    plan.join = bool(plan.encrypt or free) or disk_plan.incomplete(inside, wanted) or (ours and not there)
    plan.format = disk_plan.fresh(disk_facts.inspect(volume), replace(wanted, joined=False)) if there else not (ours or closed)


def main():
    module = AnsibleModule(
        argument_spec={
            "devices": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "device": {"type": "path", "required": True},
                    "wipe": {"type": "bool", "default": False},
                    "encrypt": {"type": "bool", "default": False},
                },
            },
            "path": {"type": "path", "required": True},
            "label": {"type": "str", "required": True},
            "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
            "made": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    wanted = disk_plan.Wanted(params["path"], params["label"], params["filesystem"], (), joined=len(params["devices"]) > 1)
    try:
        plan = admit(wanted, params)
        identities = [disk_facts.identity(entry["device"]) for entry in params["devices"]]
    except disk_plan.Refused as refusal:
        module.fail_json(msg=f"{refusal}. Disks of this host: {', '.join(disk_facts.present())}.")
    except OSError as error:
        module.fail_json(msg=f"data_disks_devices: {error}")
    steps = plan.steps(wanted)
    prepared = "".join(f"{step}\n" for step in steps)
    changed = module.check_mode and bool(steps)
    module.exit_json(changed=changed, steps=steps, identities=identities, diff={"prepared": prepared}, **asdict(plan))


if __name__ == "__main__":
    main()
