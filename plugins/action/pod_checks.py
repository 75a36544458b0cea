"""Action of the module pod_checks: it makes the pods, reads and removes them from the controller."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.checks.pods import run


class ActionModule(KubernetesAction):
    """Gives findings; judging them is left to the caller. In check mode no pod is made and nothing is found."""

    def execute(self, arguments, task_vars):
        self.about = "Checks in pods"
        return {"findings": [] if self.check else run(arguments)}
