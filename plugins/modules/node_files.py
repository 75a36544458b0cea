#!/usr/bin/python
"""Write many files on a node and bring them into force, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_files
short_description: Write many files on a node and bring them into force, in one task
description:
  - Each file is compared with what stands on the node and replaced atomically when it differs.
  - What reads a changed file takes it over at once; a change whose run died before that is taken over by the next run.
    Below C(/etc/systemd/system) that is systemd itself.
  - One task for a whole component keeps a run that changes nothing short.
options:
  files:
    description: The files wanted.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path on the node., type: path, required: true}
      content: {description: The text. Give this or C(template)., type: str}
      template: {description: "Template of the role, rendered on the controller with the entry as C(item).", type: str}
      each: {description: "One file per element, which replaces C({each}) in C(path) and is C(item.each) in the template.", type: list}
      mode: {description: Octal mode., type: str, default: "0644"}
      owner: {description: Owner., type: str, default: root}
      group: {description: Group., type: str, default: root}
      sensitive: {description: Keep the content out of the diff., type: bool, default: false}
      restarts: {description: Unit that reads the file when it starts., type: str}
      reloads: {description: Unit that reads the file when it is reloaded., type: str}
      trial:
        description: >-
          The change is on trial. The file's old content is kept as C(path) with C(.proven) until somebody removes that,
          and for so long the file counts as changed. There was no file when it is empty.
        type: bool
        default: false
  absent:
    description: Files that must not be there.
    type: list
    elements: path
    default: []
  validate:
    description: Command that must succeed before the file C(path) is replaced; C(%s) is the new file.
    type: dict
    default: {}
  running:
    description: Units that run and start at boot. One whose program was replaced since its start is restarted.
    type: list
    elements: str
    default: []
  enabled:
    description: The same for units that something else starts.
    type: list
    elements: str
    default: []
author: VoiceHelper
"""

RETURN = r"""
changed_paths:
  description: The files that were written or removed (or would be, in check mode).
  type: list
  returned: always
taken_over:
  description: What systemctl was asked to do (or would be, in check mode).
  type: list
  returned: always
"""

import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.node import units
from ansible.module_utils.node.file_bundle import current, differs, keep, proven, write

FILE_SPEC = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "sensitive": {"type": "bool", "default": False},
    "restarts": {"type": "str"},
    "reloads": {"type": "str"},
    "trial": {"type": "bool", "default": False},
}


def diff_of(path, before, after, sensitive):
    """Ansible diff of one file; a sensitive one shows only that it differs."""
    if sensitive:
        before, after = b"(hidden)\n", b"(hidden, changed)\n"
    return {
        "before_header": path,
        "after_header": path,
        "before": before.decode(errors="replace"),
        "after": after.decode(errors="replace"),
    }


def check_candidate(module, path, content):
    """Run the validation command of `path` on the new content; fail the task when it is refused."""
    command = module.params["validate"].get(path)
    if not command:
        return
    with tempfile.NamedTemporaryFile(dir=module.tmpdir) as candidate:
        candidate.write(content)
        candidate.flush()
        rc, out, err = module.run_command(command.replace("%s", candidate.name))
    if rc:
        module.fail_json(msg=f"{path}: the new file was refused by `{command}`: {(err or out).strip()}", rc=rc)


def written(module, item, diffs):
    """Write one file where it differs, its reader marked before; whether it did or is still on trial."""
    path = Path(item["path"])
    want = {"content": item["content"].encode(), "mode": int(item["mode"], 8), "owner": item["owner"], "group": item["group"]}
    try:
        have = current(path)
        if not differs(have, want):
            return item["trial"] and proven(path).exists()
        if have is None or have["content"] != want["content"]:
            if not module.check_mode:  # on a blank node the validating program is not there yet
                check_candidate(module, item["path"], want["content"])
            diffs.append(diff_of(item["path"], have["content"] if have else b"", want["content"], item["sensitive"]))
        if not module.check_mode:
            units.mark(units.readers(item["path"], item["restarts"], item["reloads"]))
            if item["trial"]:
                keep(path, have, want)
            write(path, want)
    except IsADirectoryError:
        module.fail_json(msg=f"{path}: found a directory, wanted a file")
    except (OSError, KeyError) as error:
        module.fail_json(msg=f"{path}: could not be written: {error}")
    return True


def in_force(module, changed):
    """What systemctl does to bring changed files and the wanted state of the units into force; done unless in check mode."""
    names = [*module.params["running"], *module.params["enabled"]]
    files = module.params["files"]
    involved = {item["path"]: units.readers(item["path"], item["restarts"], item["reloads"]) for item in files}
    reloaded = frozenset(item["reloads"] for item in files if item["reloads"]) - {item["restarts"] for item in files}
    waiting = {name for path in changed for name in involved.get(path, [])}
    pending = waiting | units.marked({name for readers in involved.values() for name in readers})
    try:
        todo = units.steps(units.look(module.run_command, names), module.params["running"], pending, reloaded)
        if not module.check_mode:
            units.take(module.run_command, todo)
    except units.UnitError as error:
        module.fail_json(msg=str(error), changed=bool(changed), changed_paths=changed)
    return [" ".join(step) for step in todo]


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE_SPEC},
            "absent": {"type": "list", "elements": "path", "default": []},
            "validate": {"type": "dict", "default": {}},
            "running": {"type": "list", "elements": "str", "default": []},
            "enabled": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    diffs = []
    changed = [item["path"] for item in module.params["files"] if written(module, item, diffs)]
    for name in module.params["absent"]:
        if Path(name).exists() or Path(name).is_symlink():
            changed.append(name)
            if not module.check_mode:
                Path(name).unlink()
    taken_over = in_force(module, changed)
    module.exit_json(changed=bool(changed or taken_over), changed_paths=changed, taken_over=taken_over, diff=diffs)


if __name__ == "__main__":
    main()
