"""Action of the module etcd_member: it asks and tells etcd from the controller."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.nodes.etcd import EtcdPods


class ActionModule(KubernetesAction):
    """Takes the member out, where there is one of this name."""

    def execute(self, arguments, task_vars):
        pods = self.cluster(arguments).request("GET", "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd")["items"]
        etcd = EtcdPods(arguments["kubeconfig"], arguments["kubectl"], pods)
        return {"changed": etcd.remove(arguments["name"], check=self.check)}
