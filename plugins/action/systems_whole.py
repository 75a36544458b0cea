"""Action of the module systems_whole: it asks again and again, from the controller."""

from __future__ import annotations

import time

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError
from bootstrap.nodes.cluster import Reader

PAUSE = 3
TELL_SECONDS = 20  # between two lines that say what is awaited


class ActionModule(KubernetesAction):
    """Returns once nothing is missing; fails, naming what is, when the time is over."""

    def execute(self, arguments, task_vars):
        if self.check:
            return {"seconds": 0.0}
        api = self.cluster(arguments, patience=arguments["timeout"])
        reader = Reader(api, arguments)
        began, told = time.monotonic(), time.monotonic()
        self._heard_from(api, arguments["nodes"], began + arguments["timeout"])
        away = set(arguments["except"])
        if arguments["as_found"]:
            away |= {node.name for node in reader.read().nodes.values() if not node.ready} - set(arguments["nodes"])
        while True:
            cluster = reader.read()
            missing = list(self._missing(cluster, away))
            seconds = time.monotonic() - began
            if not missing:
                return {"seconds": round(seconds, 1)}
            if seconds > arguments["timeout"]:
                raise BootstrapError(f"after {arguments['timeout']} s: {'; '.join(missing)}")
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self._display.display(f"  {seconds:.0f} s: {'; '.join(missing)}")
            time.sleep(PAUSE)

    @staticmethod
    def _heard_from(api, nodes, deadline):
        """Wait until each kubelet renews its lease: a node that has just stopped is still called Ready for a while."""
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        leases = {name: {**lease, "metadata": {"name": name, "namespace": "kube-node-lease"}} for name in nodes}
        before = {name: api.get(one) for name, one in leases.items()}
        waiting = set(nodes)
        while waiting:
            waiting = {name for name in waiting if api.get(leases[name]) == before[name]}
            if waiting and time.monotonic() > deadline:
                raise ApiError(0, f"nothing was heard from the kubelets of {', '.join(sorted(waiting))}")
            time.sleep(PAUSE if waiting else 0)

    @staticmethod
    def _missing(cluster, but):
        for node in cluster.nodes.values():
            if node.name not in but and not node.ready:
                yield f"node {node.name} is not Ready"
        for name, answers in cluster.etcd.members.items():
            if name not in but and not answers:
                yield f"etcd {name} does not answer"
        if not cluster.etcd.members:
            yield f"etcd: {cluster.etcd.why}"
        for system in cluster.systems:
            if not system.whole and not set(system.members.values()) & but:
                yield f"{system.name}: {system.why}"
