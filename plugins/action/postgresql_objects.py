"""Action of the module postgresql_objects: it speaks to the leader's pod from the controller."""

from __future__ import annotations

import subprocess

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError
from bootstrap.postgresql.server import Server, ServerError, statements

_USER = {
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "member_of": {"type": "list", "elements": "str", "default": []},
    "executes": {"type": "list", "elements": "str", "default": []},
    "sees_all_rows": {"type": "bool", "default": False},
    "connection_limit": {"type": "int"},
    "create": {"type": "bool", "default": True},
}
_DATABASE = {
    "name": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "connect": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    """Compares what is declared with what the server has and, outside check mode, applies the difference."""

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
                "selector": {"type": "dict", "required": True},
                "leader": {"type": "dict", "required": True},
                "container": {"type": "str", "required": True},
                "wait": {"type": "int", "default": 0},
                "restart": {"type": "bool", "default": False},
                "users": {"type": "list", "elements": "dict", "default": [], "options": _USER},
                "databases": {"type": "list", "elements": "dict", "default": [], "options": _DATABASE},
            }
        )
        users, databases, wait, restart = (arguments.pop(name) for name in ("users", "databases", "wait", "restart"))
        try:
            server = Server(**arguments)
            if not server.find_leader(wait):
                if wait:
                    raise ServerError(f"found no leader in {wait} s")
                return {"changed": False, "present": False, "actions": []}
            todo = statements(users, databases, server.state())
            waiting = server.waiting() if restart else []
            if todo and not self._task.check_mode:
                server.psql([sql for _, sql in todo])
            for member in [] if self._task.check_mode else waiting:
                server.restart(member)
        except (ApiError, ServerError, subprocess.TimeoutExpired) as error:
            raise AnsibleActionFail(f"PostgreSQL in {arguments['namespace']}: {error}") from error
        actions = [action for action, _ in todo] + [f"RESTART {member}" for member in waiting]
        return {"changed": bool(actions), "present": True, "actions": actions}
