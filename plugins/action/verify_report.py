"""Action of the module verify_report: show, write and judge what was found."""

from __future__ import annotations

from pathlib import Path

from ansible import constants as C
from ansible.plugins.action import ActionBase

from bootstrap.checks import report


class ActionModule(ActionBase):
    """The table goes to the screen, the report to a file; the task fails when any finding has."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "findings": {"type": "list", "elements": "dict", "required": True},
                "path": {"type": "path", "required": True},
            }
        )
        findings = [report.normalised(finding) for finding in arguments["findings"]]
        failed = not findings or any(finding["result"] != "ok" for finding in findings)
        self._display.display(f"\n{report.table(findings)}\n", color=C.COLOR_ERROR if failed else C.COLOR_OK)
        if not self._task.check_mode:  # then not all checks were made
            report.write(Path(arguments["path"]), findings)
        return {"changed": False, "failed": failed, "msg": report.summary(findings)}
