"""The changes that a module makes to its node, as steps that check mode only notes."""

from __future__ import annotations

import os
import shlex

from ansible.module_utils.node.file_bundle import current, differs, write


class Node:
    """The node as a module changes it: every change is a step, and in check mode it only gets noted."""

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

    def act(self, step, function, *arguments):
        """One step of Python's own, said in words."""
        self.steps.append(step)
        if not self.check:
            function(*arguments)

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
