#!/usr/bin/python
"""Write many files on a node in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_files
short_description: Write many files on a node in one task
description:
  - Each file is compared with what stands on the node and replaced atomically when it differs.
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
  absent:
    description: Files that must not be there.
    type: list
    elements: path
    default: []
  validate:
    description: Command that must succeed before the file C(path) is replaced; C(%s) is the new file.
    type: dict
    default: {}
author: VoiceHelper
"""

RETURN = r"""
changed_paths:
  description: The files that were written or removed (or would be, in check mode).
  type: list
  returned: always
"""

import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.file_bundle import current, differs, write

FILE_SPEC = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "sensitive": {"type": "bool", "default": False},
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


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE_SPEC},
            "absent": {"type": "list", "elements": "path", "default": []},
            "validate": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    changed, diffs = [], []
    for item in module.params["files"]:
        path = Path(item["path"])
        want = {
            "content": item["content"].encode(),
            "mode": int(item["mode"], 8),
            "owner": item["owner"],
            "group": item["group"],
        }
        try:
            have = current(path)
        except IsADirectoryError:
            module.fail_json(msg=f"{path}: found a directory, wanted a file")
        if not differs(have, want):
            continue
        if have is None or have["content"] != want["content"]:
            if not module.check_mode:  # on a blank node the validating program is not there yet
                check_candidate(module, item["path"], want["content"])
            diffs.append(diff_of(item["path"], have["content"] if have else b"", want["content"], item["sensitive"]))
        changed.append(item["path"])
        if not module.check_mode:
            try:
                write(path, want)
            except (OSError, KeyError) as error:
                module.fail_json(msg=f"{path}: could not be written: {error}")
    for name in module.params["absent"]:
        if Path(name).exists() or Path(name).is_symlink():
            changed.append(name)
            if not module.check_mode:
                Path(name).unlink()
    module.exit_json(changed=bool(changed), changed_paths=changed, diff=diffs)


if __name__ == "__main__":
    main()
