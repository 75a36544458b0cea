#!/usr/bin/python
"""Note what a machine is before it is changed, and compare it with that afterwards."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_state
short_description: Note what a machine is before it is changed, and compare it with that afterwards
description:
  - Packages, users, groups, units, files of /etc, /usr/local and /opt, names in other folders, mounts, swap, links, addresses, routes,
    rules, chains of the packet filter, pinned eBPF programs and kernel settings.
  - The note is C(/var/lib/voicehelper/before.json.gz), mode 0600. It holds the settings files of /etc that everybody may read, so that they
    can be put back, and no secret.
options:
  state:
    description:
      - C(noted) writes the note, unless there is one, or the machine belongs to a cluster or was changed by this project before.
      - C(compared) tells what differs from the note.
    choices: [noted, compared]
    required: true
  settings: {description: Kernel settings whose values belong to the state., type: list, elements: str, default: []}
  paths: {description: "What this project leaves on a machine, C(*) for any part of a name.", type: list, elements: str, default: []}
  address: {description: "The API's address, which a control plane may hold.", type: str, default: ""}
  table: {description: "Table of the packet filter, with its family.", type: str, default: ""}
author: VoiceHelper
"""

RETURN = r"""
known: {description: Whether the state from before is noted., type: bool, returned: always}
ours: {description: Differences that this project makes., type: list, elements: str, returned: when compared}
others: {description: "Differences that it does not, since the note was made.", type: list, elements: str, returned: when compared}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import machine_state
from ansible.module_utils.node.machine_reset import stamped


def compared(params):
    """{ours, others, known} as `+ category: entry`, `-` for what is gone and `~` for what is another."""
    before, lists, paths = machine_state.Note.read(), {True: [], False: []}, [*params["paths"], *stamped()]
    for category, sign, entry in machine_state.difference(before, machine_state.read(params["settings"])):
        mine = machine_state.ours(category, sign, entry, paths, params["address"], params["table"])
        mine = mine and (before.known or not stays(category, entry))
        lists[mine].append(f"{sign} {category}: {entry}")
    return {"known": before.known, "ours": lists[True], "others": lists[False] if before.known else []}


def stays(category, entry):
    """Whether a reset without a note leaves it: a package's own files and units, and a disk that is mounted in a place of ours."""
    if category == "units":
        return not Path("/etc/systemd/system", entry).exists()
    return category in ("files", "folders", "mounts") and (Path(entry).is_mount() or machine_state.packaged(entry))


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["noted", "compared"], "required": True},
            "settings": {"type": "list", "elements": "str", "default": []},
            "paths": {"type": "list", "elements": "str", "default": []},
            "address": {"type": "str", "default": ""},
            "table": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        if module.params["state"] == "compared":
            module.exit_json(changed=False, **compared(module.params))
        known = machine_state.NOTE.exists()
        needed = not known and machine_state.untouched()
        if needed and not module.check_mode:
            machine_state.take(module.params["settings"])
        module.exit_json(changed=needed, known=known or needed)
    except (OSError, ValueError) as error:
        module.fail_json(
            msg=f"{machine_state.NOTE}: could not be written or read: {error}. Without the file the state counts as not known."
        )


if __name__ == "__main__":
    main()
