"""Action of the module node_admission: it reads the cluster and judges, from the controller."""

from __future__ import annotations

from ansible import constants as C

from bootstrap.ansible import KubernetesAction
from bootstrap.nodes.admission import OPERATIONS, Request, decide
from bootstrap.nodes.cluster import Reader
from bootstrap.validators.findings import headline, report

ADVICE = "No pod was moved."


class ActionModule(KubernetesAction):
    """Shows what speaks against an operation, and what will be away; fails where anything is fatal."""

    def execute(self, arguments, task_vars):
        operation, nodes = OPERATIONS[arguments["operation"]], arguments["nodes"]
        request = Request(operation, nodes, arguments["inventory"], arguments["accepted"])
        look = Reader(self.cluster(arguments), arguments, nodes).read
        cluster, findings = decide(request, look, arguments["settle"], lambda text: self._display.display(f"  {text}"))
        fatal = any(finding.fatal for finding in findings)
        if findings:
            self._display.display(f"\n{report(findings)}\n", color=C.COLOR_ERROR if fatal else C.COLOR_WARN)
        summary = headline(findings, f"{operation.name} of {', '.join(nodes) or 'no node'}")
        members = {system.name: system.on(nodes) for system in cluster.systems if system.on(nodes)}
        leaders = [pod for system in cluster.systems for pod in system.on(nodes) if pod in system.leaders]
        return {
            "failed": fatal,
            "msg": f"{summary}. {ADVICE}" if fatal else summary,
            "cordoned": [name for name in nodes if name in cluster.nodes and cluster.nodes[name].cordoned],
            "ready": [name for name in nodes if name in cluster.nodes and cluster.nodes[name].ready],
            "members": members,
            "leaders": leaders,
            "volumes": [{"name": v.name, "claim": v.claim} for v in cluster.volumes if v.node in nodes],
            "pods": {name: cluster.pods.get(name, []) for name in nodes},
        }
