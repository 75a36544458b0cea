#!/usr/bin/python
"""Make the directories of static volumes, each marked with the claim whose data it holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: data_volumes
short_description: Make the directories of static volumes, each marked with the claim whose data it holds
description:
  - Makes a directory for every volume, writes beside it which claim of which site it belongs to, and bounds it by an XFS project quota.
  - A directory that holds the data of another claim or site, or data that nobody knows, is refused before anything is written.
  - Where the file system or the kernel have no project quotas, a warning says so and why.
options:
  path: {description: Where the data volume is mounted., type: path, required: true}
  site: {description: Identity of the site., type: str, required: true}
  volumes:
    description: The volumes of this node. A directory that is there keeps its owner and mode, which a pod may have changed.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Its directory., type: path, required: true}
      claim: {description: "The claim it belongs to, as C(namespace/name); empty for none yet.", type: str, default: ""}
      size: {description: Most bytes that it takes., type: int, required: true}
      live: {description: Whether the cluster has this volume., type: bool, default: false}
  bounds: {description: "Most bytes of further directories, by path.", type: dict, default: {}}
  owner: {description: Numeric user of new directories., type: int, default: 1000}
  group: {description: Numeric group of new directories., type: int, default: 1000}
  mode: {description: Octal mode of new directories., type: str, default: "0750"}
author: VoiceHelper
"""

RETURN = r"""
steps: {description: "What was done, or would be done in check mode.", type: list, elements: str, returned: always}
unbounded:
  description: Why no quota bounds the volumes; empty where quotas do.
  returned: always
  type: str
"""

import os
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import project_quota, volume_marks
from ansible.module_utils.node.node_steps import Node


def make(node, params):
    """Make what is missing; the reason for which nothing bounds the volumes.

    :raises Refused: for what holds other data; nothing has been written then.
    """
    root, volumes = params["path"], params["volumes"]
    refused = [line for line in (volume_marks.refusal(volume, params["site"]) for volume in volumes) if line]
    if refused:
        raise volume_marks.Refused("\n".join(refused))
    for volume in volumes:
        node.directory(Path(volume["path"]), params["owner"], params["group"], int(params["mode"], 8), keep=True)
        if volume["claim"]:
            node.file(Path(volume["path"] + volume_marks.SUFFIX), volume_marks.text(volume["claim"], params["site"]))
    if reason := project_quota.lacking(root):
        return reason
    for path, size in {**{volume["path"]: volume["size"] for volume in volumes}, **params["bounds"]}.items():
        node.run(*project_quota.setting(root, path, int(size)))
    return ""


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "site": {"type": "str", "required": True},
            "volumes": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "claim": {"type": "str", "default": ""},
                    "size": {"type": "int", "required": True},
                    "live": {"type": "bool", "default": False},
                },
            },
            "bounds": {"type": "dict", "default": {}},
            "owner": {"type": "int", "default": 1000},
            "group": {"type": "int", "default": 1000},
            "mode": {"type": "str", "default": "0750"},
        },
        supports_check_mode=True,
    )
    node = Node(module)
    try:
        unbounded = make(node, module.params)
    except volume_marks.Refused as refusal:
        module.fail_json(msg=str(refusal), steps=node.steps)
    except (OSError, subprocess.CalledProcessError) as error:
        module.fail_json(msg=f"{module.params['path']}: {error}", steps=node.steps)
    if unbounded:
        module.warn(f"{os.uname().nodename}: nothing bounds the volumes below {module.params['path']}: {unbounded}")
    prepared = "".join(f"{step}\n" for step in node.steps)
    module.exit_json(changed=bool(node.steps), steps=node.steps, unbounded=unbounded, diff={"prepared": prepared})


if __name__ == "__main__":
    main()
