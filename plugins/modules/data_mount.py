#!/usr/bin/python
"""Mount the data volume of a node and make its directories."""

from __future__ import annotations

DOCUMENTATION = r"""
module: data_mount
short_description: Mount the data volume of a node and make its directories
description:
  - Mounts a device that carries the volume now and at every boot, by UUID, through a systemd mount unit, and lets the kubelet wait for it.
  - C(ansible.posix.mount) cannot do that. It writes C(/etc/fstab), which systemd passes over in a container, and it takes whatever is
    mounted at the path for the wanted device.
  - The disks that carry the volume now are noted, so that none of them is erased again.
options:
  device:
    description: The device with the file system. None makes the directories on what is mounted at C(path) already.
    type: path
  missing: {description: "Whether the volume is not there yet, as in check mode.", type: bool, default: false}
  path: {description: Where the volume is mounted., type: path, required: true}
  label: {description: Name of the volume., type: str, required: true}
  filesystem: {description: Its file system., type: str, choices: [xfs, ext4], default: xfs}
  options:
    description: Mount options. C(prjquota) is left out where file system or kernel have no project quotas.
    type: list
    elements: str
    default: [noatime, prjquota]
  disks: {description: "What identifies the disks below the volume, as C(disk_admission) gives it.", type: list, elements: str, default: []}
  made: {description: File on the node that lists the disks on which the volume was made., type: path, required: true}
  directories:
    description: Directories below C(path), kept at this owner and mode.
    type: list
    elements: str
    default: []
  site: {description: Identity of the site. A disk with volumes of another one is refused., type: str, required: true}
  owner: {description: Numeric user of the directories., type: int, default: 1000}
  group: {description: Numeric group of the directories., type: int, default: 1000}
  mode: {description: Octal mode of the directories., type: str, default: "0750"}
author: VoiceHelper
"""

RETURN = r"""
steps: {description: "What was done, or would be done in check mode.", type: list, elements: str, returned: always}
claims:
  description: "Path of every volume on the disk whose owner is known: its claim, as C(namespace/name)."
  returned: always
  type: dict
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import disk_facts, disk_plan, volume_marks
from ansible.module_utils.node.node_steps import Node

UNITS = Path("/etc/systemd/system")
KUBELET_DROPIN = UNITS / "kubelet.service.d/10-data.conf"


def mounted(node, wanted, device):
    """Mount the file system on the device now and at every boot."""
    unit = wanted.path.strip("/").replace("-", "\\x2d").replace("/", "-") + ".mount"
    text = disk_plan.mount_unit(disk_facts.uuid_of(os.path.realpath(device)), wanted)
    found = disk_facts.mounted_device(wanted.path)
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


def _differs(path, text):
    return path.exists() and path.read_text() != text


def remembered(node, path, disks):
    """Note the disks that carry the volume now: what they carry is data from here on."""
    lines = disk_facts.lines(path)
    if new := [name for name in disks if name not in lines]:
        node.file(Path(path), "".join(f"{line}\n" for line in [*lines, *new]))


def main():
    module = AnsibleModule(
        argument_spec={
            "device": {"type": "path"},
            "missing": {"type": "bool", "default": False},
            "path": {"type": "path", "required": True},
            "label": {"type": "str", "required": True},
            "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
            "options": {"type": "list", "elements": "str", "default": ["noatime", "prjquota"]},
            "disks": {"type": "list", "elements": "str", "default": []},
            "made": {"type": "path", "required": True},
            "directories": {"type": "list", "elements": "str", "default": []},
            "site": {"type": "str", "required": True},
            "owner": {"type": "int", "default": 1000},
            "group": {"type": "int", "default": 1000},
            "mode": {"type": "str", "default": "0750"},
        },
        supports_check_mode=True,
    )
    params, node, claims = module.params, Node(module), {}
    try:
        if params["missing"]:
            node.steps.append(f"mount {params['path']}")
            if not node.check:
                module.fail_json(
                    msg=f"{params['path']}: found no volume to mount, wanted {params['device'] or 'one'} with {params['filesystem']}"
                )
        elif params["device"]:
            options = disk_plan.usable(params["options"], params["filesystem"], disk_facts.project_quotas())
            mounted(node, disk_plan.Wanted(params["path"], params["label"], params["filesystem"], options), params["device"])
        remembered(node, params["made"], params["disks"])
        claims = volume_marks.claims(params["path"], params["site"])
        for name in params["directories"]:
            node.directory(Path(params["path"], name), params["owner"], params["group"], int(params["mode"], 8))
    except volume_marks.Refused as refusal:
        module.fail_json(msg=str(refusal), steps=node.steps)
    except OSError as error:
        module.fail_json(msg=f"{params['path']}: {error}", steps=node.steps)
    prepared = "".join(f"{step}\n" for step in node.steps)
    module.exit_json(changed=bool(node.steps), steps=node.steps, claims=claims, diff={"prepared": prepared})


if __name__ == "__main__":
    main()
