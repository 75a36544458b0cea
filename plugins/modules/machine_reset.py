#!/usr/bin/python
"""Take away what this project has made on a machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_reset
short_description: Take away what this project has made on a machine
description:
  - Goes by what is there and by the note of C(machine_state). What was there before stays, and is put back where a role has changed it;
    without a note all that is named goes, but for packages and their own files.
  - Every part finds out what is left to do, so a run that was interrupted is finished by the next one.
  - It does not cross a mount. A folder below which something is mounted is refused.
options:
  parts:
    description:
      - C(programs) stops units and ends pods.
      - C(kernel) takes mounts, eBPF programs, links, routes, rules, the API's address and chains of the packet filter away.
      - C(files) unmounts the data volume, whose content stays, removes files and folders, and brings back settings, swap and host name.
      - C(access) removes the packet filter and the settings of the SSH server.
      - C(wipe) erases the data volume.
      - C(packages) removes packages that came by us, and brings back those that had to go for them.
      - C(end) removes the note.
    type: list
    elements: str
    choices: [programs, kernel, files, access, wipe, packages, end]
    required: true
  name: {description: Name of the platform and of its data volume., type: str, required: true}
  files:
    description: What the roles leave on a machine, as the lookup C(role_footprint) gives it.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: "Path, C(*) for any part of a name; of a folder with all in it.", type: str, required: true}
      restarts: {description: Unit that reads it., type: str, default: ""}
  units:
    description: Units that the roles run or enable. Those of others are masked or disabled again where they were.
    type: list
    elements: str
    default: []
  packages: {description: Packages that the roles install., type: list, elements: str, default: []}
  displaced: {description: Packages that cannot be beside one of those., type: list, elements: str, default: []}
  address: {description: The API's address., type: str, default: ""}
  table: {description: "Table of the packet filter, with its family.", type: str, default: ""}
  storage: {description: Where the data volume is mounted., type: path, default: /data}
  directories: {description: The platform's directories on it., type: list, elements: str, default: []}
  devices: {description: Disks that carry it., type: list, elements: path, default: []}
  key: {description: File of the passphrase of encrypted disks., type: path, default: ""}
author: VoiceHelper
"""

RETURN = r"""
steps: {description: "What was done, or would be done in check mode.", type: list, elements: str, returned: always}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node.machine_reset import Reset
from ansible.module_utils.node.machine_state import Note, Refused
from ansible.module_utils.node.node_steps import Node
from ansible.module_utils.node.units import UnitError

PARTS = ["programs", "kernel", "files", "access", "wipe", "packages", "end"]


def main():
    module = AnsibleModule(
        argument_spec={
            "parts": {"type": "list", "elements": "str", "choices": PARTS, "required": True},
            "name": {"type": "str", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"path": {"type": "str", "required": True}, "restarts": {"type": "str", "default": ""}},
            },
            "units": {"type": "list", "elements": "str", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
            "displaced": {"type": "list", "elements": "str", "default": []},
            "address": {"type": "str", "default": ""},
            "table": {"type": "str", "default": ""},
            "storage": {"type": "path", "default": "/data"},
            "directories": {"type": "list", "elements": "str", "default": []},
            "devices": {"type": "list", "elements": "path", "default": []},
            "key": {"type": "path", "default": "", "no_log": False},
        },
        supports_check_mode=True,
    )
    node = Node(module)
    try:
        reset = Reset(node, module.params, Note.read())
        for part in PARTS:
            if part in module.params["parts"]:
                getattr(reset, part)()
    except (Refused, UnitError, OSError, ValueError) as reason:
        module.fail_json(msg=str(reason), steps=node.steps)
    done = "".join(f"{step}\n" for step in node.steps)
    module.exit_json(changed=bool(node.steps), steps=node.steps, diff={"prepared": done})


if __name__ == "__main__":
    main()
