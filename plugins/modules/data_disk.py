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
  options: {description: Mount options., type: list, elements: str, default: [noatime]}
  directories:
    description: Directories below C(path), kept at this owner and mode.
    type: list
    elements: str
    default: []
  volumes:
    description: Directories below C(path) that get this owner and mode once; what a pod makes of them later stays.
    type: list
    elements: str
    default: []
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
"""

import os
import shlex
from dataclasses import replace
from pathlib import Path

from ansible.module_utils import disk_facts, disk_plan
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.file_bundle import current, differs, write

CRYPTTAB = Path("/etc/crypttab")
UNITS = Path("/etc/systemd/system")
KUBELET_DROPIN = UNITS / "kubelet.service.d/10-data.conf"


class Node:
    """The node as this module changes it: every change is a step, and in check mode it only gets noted."""

    def __init__(self, module):
        self.module, self.check, self.steps = module, module.check_mode, []

    def run(self, *commands):
        """Run commands; the first that fails ends the module with what it said."""
        for command in commands:
            self.steps.append(shlex.join(command))
            if self.check:
                continue
            rc, out, err = self.module.run_command(command)
            if rc:
                self.module.fail_json(msg=f"`{shlex.join(command)}` failed: {(err or out).strip()}", steps=self.steps)

    def file(self, path, content, mode=0o644):
        """Write a file owned by root unless it is there; True when it was not."""
        want = {"content": content.encode(), "mode": mode, "owner": "root", "group": "root"}
        if not differs(current(path), want):
            return False
        self.steps.append(f"write {path}")
        if not self.check:
            write(path, want)
        return True

    def directory(self, path, owner, group, mode, keep=False):
        """Make a directory; its owner and mode are put right, or with `keep` only given to a new one."""
        found = path.stat() if path.is_dir() else None
        if found and (keep or (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (owner, group, mode)):
            return
        self.steps.append(f"{'set owner and mode of' if found else 'make'} {path}")
        if not self.check:
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, owner, group)
            path.chmod(mode)


def volume(node, wanted, params):
    """Build what lies under the file system.

    :returns: (device, whether it is still without file system, whether it grew); in check mode the device may be '': not there yet.
    """
    disks = [disk_facts.inspect(**entry) for entry in params["devices"]]
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
    changed = node.file(UNITS / unit, disk_plan.mount_unit(disk_facts.uuid_of(os.path.realpath(device)), wanted))
    changed |= node.file(KUBELET_DROPIN, disk_plan.kubelet_dropin(wanted))
    if changed:
        node.run(["systemctl", "daemon-reload"])
    if not (UNITS / "local-fs.target.wants" / unit).is_symlink():
        node.run(["systemctl", "enable", unit])
    if not found:
        node.run(*disk_plan.starting(unit, os.path.realpath(device)))
    elif changed:
        node.run(["systemctl", "reload", unit])
    if grew:
        node.run(*disk_plan.growing(wanted, device))


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
            "options": {"type": "list", "elements": "str", "default": ["noatime"]},
            "directories": {"type": "list", "elements": "str", "default": []},
            "volumes": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "int", "default": 1000},
            "group": {"type": "int", "default": 1000},
            "mode": {"type": "str", "default": "0750"},
            "key": {"type": "str", "no_log": True},
            "key_file": {"type": "path", "no_log": False},
        },
        supports_check_mode=True,
    )
    params, node = module.params, Node(module)
    try:
        if params["devices"]:
            joined, options = len(params["devices"]) > 1, tuple(params["options"])
            wanted = disk_plan.Wanted(params["path"], params["label"], params["filesystem"], options, joined)
            mounted(node, wanted, *volume(node, wanted, params))
        for names, keep in ((params["directories"], False), (params["volumes"], True)):
            for name in names:
                owner = (params["owner"], params["group"], int(params["mode"], 8))
                node.directory(Path(params["path"], name), *owner, keep=keep)
    except disk_plan.Refused as refusal:
        there = f" Disks of this host: {', '.join(disk_facts.present())}." if params["devices"] else ""
        module.fail_json(msg=f"{refusal}.{there}", steps=node.steps)
    except OSError as error:
        module.fail_json(msg=f"{params['path']}: {error}", steps=node.steps)
    prepared = "".join(f"{step}\n" for step in node.steps)
    module.exit_json(changed=bool(node.steps), steps=node.steps, diff={"prepared": prepared})


if __name__ == "__main__":
    main()
