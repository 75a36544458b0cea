"""Action of the module cluster_trust: it brings the CAs that count to all who keep a copy of them in the cluster."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.secrets.trust import ClusterTrust


class ActionModule(KubernetesAction):
    """Waits for those who follow by themselves, and moves those who do not."""

    def execute(self, arguments, task_vars):
        if self.check:
            return {"told": []}
        trust = ClusterTrust(self.cluster(arguments), arguments["timeout"])
        told = trust.extensions(arguments["client"], arguments["proxy"]) + trust.pods(arguments["client"], arguments["evict"])
        return {"changed": bool(told), "told": told}
