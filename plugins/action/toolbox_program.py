"""Action of the module toolbox_program: it hands the program and its input to a pod."""

from __future__ import annotations

from pathlib import Path

from bootstrap.ansible import KubernetesAction
from bootstrap.kube.toolbox import Toolbox


class ActionModule(KubernetesAction):
    """Gives what the program did; its input goes nowhere else."""

    def execute(self, arguments, task_vars):
        source = Path(self._find_needle("files", arguments["program"]))
        self.about = f"{source.parents[1].name}, {source.name} in the toolbox"
        toolbox = Toolbox(arguments["kubeconfig"], arguments["kubectl"], arguments["namespace"])
        if self.check and not toolbox.exists():
            return {"present": False, "actions": []}
        actions = toolbox.run(source.read_text(), {**arguments["input"], "check": self.check}, arguments["timeout"])
        return {"changed": bool(actions), "present": True, "actions": actions}
