"""Action of the module pod_checks: it makes the pods, reads and removes them from the controller."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.checks.pods import run
from bootstrap.kube.api import ApiError

_POD = {
    "name": {"type": "str", "required": True},
    "script": {"type": "str", "required": True},
    "labels": {"type": "dict", "default": {}},
    "env": {"type": "list", "elements": "dict", "default": []},
    "files": {"type": "dict", "default": {}},
    "avoid": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """Gives findings; judging them is left to the caller. In check mode no pod is made and nothing is found."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "namespace": {"type": "str", "required": True},
                "system": {"type": "str", "required": True},
                "image": {"type": "str", "required": True},
                "timeout": {"type": "int", "default": 120},
                "pods": {"type": "list", "elements": "dict", "required": True, "options": _POD},
            }
        )
        if self._task.check_mode:
            return {"changed": False, "findings": []}
        try:
            return {"changed": False, "findings": run(arguments)}
        except ApiError as error:
            raise AnsibleActionFail(f"Checks of {arguments['system']}: {error}") from error
