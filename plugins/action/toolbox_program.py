"""Action of the module toolbox_program: it hands a program its input, in a pod."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.kube.toolbox import Toolbox


class ActionModule(KubernetesAction):
    """Gives what the program did; its input goes nowhere else."""

    def execute(self, arguments, task_vars):
        self.about = f"{arguments['program']} in the toolbox"
        toolbox = Toolbox(arguments["kubeconfig"], arguments["kubectl"], arguments["namespace"])
        if self.check and not toolbox.exists(arguments["image"]):
            return {"present": False, "actions": []}
        actions = toolbox.run(arguments["program"], {**arguments["input"], "check": self.check}, arguments["timeout"])
        return {"changed": bool(actions), "present": True, "actions": actions}
