#!/usr/bin/python
"""Turn disks into the mounted data volume of a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: data_disk
short_description: Turn disks into the mounted data volume of a node
description:
  - Looks at the disks, refuses what carries something it does not know, and makes what is missing - LUKS, a logical volume over several
    disks, a file system, a systemd mount by UUID, and directories.
  - A volume made earlier is recognised by its label and kept, with all that is on it, also by a freshly installed node.
  - Nothing is written before every disk has been found acceptable.
options:
  devices:
    description: The disks. Empty makes the directories on what is mounted at C(path) already.
    type: list
    elements: dict
    default: []
    suboptions:
      device: {description: Path of a whole block device., type: path, required: true}
      wipe: {description: Whether what this disk carries may be erased. A volume made by this module is kept., type: bool, default: false}
      encrypt: {description: Whether to put LUKS2 under the volume., type: bool, default: false}
  path: {description: Where the volume is mounted., type: path, required: true}
  label: {description: Label of file system and LUKS and name of the volume group., type: str, required: true}
  filesystem: {description: File system to make., type: str, choices: [xfs, ext4], default: xfs}
  options:
    description: Mount options. C(prjquota) is left out where file system or kernel have no project quotas.
    type: list
    elements: str
    default: [noatime, prjquota]
  made:
    description: File on the node that lists the disks on which the volume was made. They are never erased again, whatever C(wipe) says.
    type: path
    required: true
  directories:
    description: Directories below C(path), kept at this owner and mode.
    type: list
    elements: str
    default: []
  site: {description: Identity of the site. A disk with volumes of another one is refused., type: str, required: true}
  owner: {description: Numeric user of the directories., type: int, default: 1000}
  group: {description: Numeric group of the directories., type: int, default: 1000}
  mode: {description: Octal mode of the directories., type: str, default: "0750"}
  key: {description: Passphrase of encrypted disks., type: str}
  key_file: {description: File on the node that keeps C(key)., type: path}
author: VoiceHelper
"""

RETURN = r"""
steps:
  description: What was done, or would be done in check mode.
  returned: always
  type: list
  elements: str
claims:
  description: "Path of every volume on the disk whose owner is known: its claim, as C(namespace/name)."
  returned: always
  type: dict
"""

import os
from dataclasses import replace
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import disk_facts, disk_plan, volume_marks
from ansible.module_utils.node.node_steps import Node

CRYPTTAB = Path("/etc/crypttab")
UNITS = Path("/etc/systemd/system")
KUBELET_DROPIN = UNITS / "kubelet.service.d/10-data.conf"


def volume(node, wanted, params):
    """Build what lies under the file system.

    :returns: (device, whether it is still without file system, whether it grew); in check mode the device may be '': not there yet.
    """
    made = _lines(Path(params["made"]))
    disks = [disk_facts.inspect(**entry) for entry in params["devices"]]
    disks = [replace(disk, made=params["made"] if disk_facts.identity(disk.device) in made else "") for disk in disks]
    disk_plan.lacking(disks, os.uname().release, disk_facts.device_mapper())
    states = [disk_plan.state(disk, wanted) for disk in disks]  # every disk is judged before one is touched
    layers = []
    for disk, state in zip(disks, states):  # noqa: B905 - nodes may have Python 3.9
        if state == "wipe":
            node.run(*disk_plan.wiping(disk))
        layers.append(decrypted(node, wanted, params, disk, state) if disk.encrypt else (disk.device, state != "ours"))
    if not wanted.joined:
        return (*layers[0], False)
    if not all(device for device, _ in layers):
        node.steps.append(f"join the disks to the volume group {wanted.label}")
        return "", True, False
    commands, was_there = disk_plan.joining([disk_facts.inspect(device) for device, _ in layers], wanted)
    node.run(*commands)
    if node.check and not was_there:
        return "", True, False
    device = f"/dev/{wanted.label}/data"
    return device, disk_plan.fresh(disk_facts.inspect(device), replace(wanted, joined=False)), bool(commands) and was_there


def _lines(path):
    return path.read_text().splitlines() if path.exists() else []


def decrypted(node, wanted, params, disk, state):
    """Make and open an encrypted disk; (the device inside it, whether that is still blank)."""
    key_file = params["key_file"]
    node.file(Path(key_file), params["key"], 0o400)
    if state != "ours":
        node.run(*disk_plan.encrypting(disk.device, wanted, key_file))
    uuid = disk_facts.uuid_of(os.path.realpath(disk.device))
    inner = Path(f"/dev/mapper/{disk_plan.mapping(uuid)}")
    if state != "ours" or not inner.exists():
        node.run(*disk_plan.opening(disk.device, uuid, key_file))
        if node.check:
            return "", True
    before = CRYPTTAB.read_text() if CRYPTTAB.exists() else ""
    node.file(CRYPTTAB, disk_plan.crypttab(before, uuid, key_file))
    return str(inner), disk_plan.fresh(disk_facts.inspect(str(inner)), wanted)


def mounted(node, wanted, device, blank, grew):
    """Make the file system where it is missing and mount it now and at every boot."""
    found = disk_facts.mounted_device(wanted.path)
    if found and (not device or found != disk_facts.kernel_name(device)):
        raise disk_plan.Refused(
            f"data_disks_devices: found {found} mounted at {wanted.path}, wanted {device or 'the new volume'} there; "
            "unmount it, or leave data_disks_devices empty to use it as it is"
        )
    if blank:
        node.run(*disk_plan.formatting(device or "(the new volume)", wanted))
        if node.check:
            node.steps.append(f"mount {wanted.path}")
            return
    unit = wanted.path.strip("/").replace("-", "\\x2d").replace("/", "-") + ".mount"
    text = disk_plan.mount_unit(disk_facts.uuid_of(os.path.realpath(device)), wanted)
    if found and _differs(UNITS / unit, text):  # before the unit is written: a run that dies in between does it again
        node.run(disk_plan.remounting(wanted))
    node.file(UNITS / unit, text)
    node.file(KUBELET_DROPIN, disk_plan.kubelet_dropin(wanted))
    if disk_facts.needs_reload(unit, "kubelet.service"):  # systemd itself knows it, also of a run that died
        node.run(["systemctl", "daemon-reload"])
    if not (UNITS / "local-fs.target.wants" / unit).is_symlink():
        node.run(["systemctl", "enable", unit])
    if not found:
        node.run(*disk_plan.starting(unit, os.path.realpath(device)))
    if grew:
        node.run(*disk_plan.growing(wanted, device))


def _differs(path, text):
    return path.exists() and path.read_text() != text


def remembered(node, params):
    """Note the disks that carry the volume now: what they carry is data from here on."""
    path = Path(params["made"])
    lines = _lines(path)
    new = [name for name in (disk_facts.identity(entry["device"]) for entry in params["devices"]) if name not in lines]
    if new:
        node.file(path, "".join(f"{line}\n" for line in [*lines, *new]))


def main():
    module = AnsibleModule(
        argument_spec={
            "devices": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "device": {"type": "path", "required": True},
                    "wipe": {"type": "bool", "default": False},
                    "encrypt": {"type": "bool", "default": False},
                },
            },
            "path": {"type": "path", "required": True},
            "label": {"type": "str", "required": True},
            "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
            "options": {"type": "list", "elements": "str", "default": ["noatime", "prjquota"]},
            "made": {"type": "path", "required": True},
            "directories": {"type": "list", "elements": "str", "default": []},
            "site": {"type": "str", "required": True},
            "owner": {"type": "int", "default": 1000},
            "group": {"type": "int", "default": 1000},
            "mode": {"type": "str", "default": "0750"},
            "key": {"type": "str", "no_log": True},
            "key_file": {"type": "path", "no_log": False},
        },
        supports_check_mode=True,
    )
    params, node, claims = module.params, Node(module), {}
    try:
        if params["devices"]:
            joined = len(params["devices"]) > 1
            options = disk_plan.usable(params["options"], params["filesystem"], disk_facts.project_quotas())
            wanted = disk_plan.Wanted(params["path"], params["label"], params["filesystem"], options, joined)
            mounted(node, wanted, *volume(node, wanted, params))
            remembered(node, params)
        claims = volume_marks.claims(params["path"], params["site"])
        for name in params["directories"]:
            node.directory(Path(params["path"], name), params["owner"], params["group"], int(params["mode"], 8))
    except (disk_plan.Refused, volume_marks.Refused) as refusal:
        there = f" Disks of this host: {', '.join(disk_facts.present())}." if params["devices"] else ""
        module.fail_json(msg=f"{refusal}.{there}", steps=node.steps)
    except OSError as error:
        module.fail_json(msg=f"{params['path']}: {error}", steps=node.steps)
    prepared = "".join(f"{step}\n" for step in node.steps)
    module.exit_json(changed=bool(node.steps), steps=node.steps, claims=claims, diff={"prepared": prepared})


if __name__ == "__main__":
    main()
