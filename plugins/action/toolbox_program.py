"""Action of the module toolbox_program: it hands the program and its input to a pod."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError
from bootstrap.kube.toolbox import ProgramError, Toolbox


class ActionModule(ActionBase):
    """Gives what the program did; its input goes nowhere else."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "kubectl": {"type": "path", "required": True},
                "namespace": {"type": "str", "required": True},
                "program": {"type": "str", "required": True},
                "input": {"type": "dict", "required": True, "no_log": True},
                "timeout": {"type": "int", "default": 120},
            }
        )
        source = Path(self._find_needle("files", arguments["program"]))
        wanted = {**arguments["input"], "check": bool(self._task.check_mode)}
        try:
            toolbox = Toolbox(arguments["kubeconfig"], arguments["kubectl"], arguments["namespace"])
            if self._task.check_mode and not toolbox.exists():
                return {"changed": False, "present": False, "actions": []}
            actions = toolbox.run(source.read_text(), wanted, arguments["timeout"])
        except (ApiError, ProgramError, subprocess.TimeoutExpired) as error:
            raise AnsibleActionFail(f"{source.parents[1].name}, {source.name} in the toolbox: {error}") from error
        return {"changed": bool(actions), "present": True, "actions": actions}
