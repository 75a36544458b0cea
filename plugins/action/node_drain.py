"""Action of the module node_drain: it asks the API from the controller."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.nodes.drain import Drain, name_of


class ActionModule(KubernetesAction):
    """Moves pods away, saying what is awaited; fails, naming what is left and what keeps it."""

    def execute(self, arguments, task_vars):
        clients = self.cluster(arguments, patience=0), self.cluster(arguments)
        drain = Drain(*clients, arguments["name"], list(arguments["groups"].values()), arguments["dead"])
        if self.check:
            pods = [name_of(pod) for pod in drain.pods()]
            return {"changed": bool(pods), "pods": pods}
        changed = drain.run(arguments["timeout"], self._display.display)
        if drain.held:
            left = "; ".join(f"{pod}: {why}" for pod, why in drain.held.items())
            raise BootstrapError(f"{arguments['name']}: not drained in {arguments['timeout']} s: {left}")
        return {"changed": changed, "pods": []}
