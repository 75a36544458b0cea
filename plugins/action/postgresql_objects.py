"""Action of the module postgresql_objects: it speaks to the leader's pod from the controller."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.postgresql.server import Server, ServerError, statements


class ActionModule(KubernetesAction):
    """Compares what is declared with what the server has and, outside check mode, applies the difference."""

    def execute(self, arguments, task_vars):
        users, databases, wait, restart = (arguments.pop(name) for name in ("users", "databases", "wait", "restart"))
        self.about = f"PostgreSQL in {arguments['namespace']}"
        server = Server(**arguments)
        if not server.find_leader(wait):
            if wait:
                raise ServerError(f"found no leader in {wait} s")
            return {"present": False, "actions": []}
        todo = statements(users, databases, server.state())
        waiting = server.waiting() if restart else []
        if todo and not self.check:
            server.psql([sql for _, sql in todo])
        for member in [] if self.check else waiting:
            server.restart(member)
        actions = [action for action, _ in todo] + [f"RESTART {member}" for member in waiting]
        return {"changed": bool(actions), "present": True, "actions": actions}
