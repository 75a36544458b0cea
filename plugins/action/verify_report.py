"""Action of the module verify_report: show, write and judge what was found."""

from __future__ import annotations

from pathlib import Path

from ansible import constants as C

from bootstrap.ansible import ControllerAction
from bootstrap.checks import report


class ActionModule(ControllerAction):
    """The table goes to the screen, the report to a file; the task fails when any finding has."""

    def execute(self, arguments, task_vars):
        findings = [report.normalised(finding) for finding in arguments["findings"]]
        failed = not findings or any(finding["result"] != "ok" for finding in findings)
        summary = report.summary(findings)
        self._display.display(f"\n{report.table(findings)}\n\n{summary}\n", color=C.COLOR_ERROR if failed else C.COLOR_OK)
        if not self.check:  # then not all checks were made
            report.write(Path(arguments["path"]), findings)
        return {"failed": failed, "msg": summary}
