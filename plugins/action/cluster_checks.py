"""Action of the module cluster_checks: all checks at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bootstrap.ansible import KubernetesAction
from bootstrap.checks import certificates, cluster, network, pods, storage  # noqa: F401  (their checks register themselves)
from bootstrap.checks.base import Site, run
from bootstrap.checks.fixtures import Fixtures


class ActionModule(KubernetesAction):
    """Gives the findings of the named checks, and beside them those of the systems' clients; judging them is left to verify_report."""

    about = "The cluster could not be checked"

    def execute(self, arguments, task_vars):
        checks, systems = arguments.pop("checks"), arguments.pop("systems")
        clients = {"kubeconfig": arguments["kubeconfig"], "image": arguments["image"], "systems": [] if self.check else systems}
        with ThreadPoolExecutor(1) as beside:
            used = beside.submit(pods.run, clients)
            findings = run(Site(**arguments), checks, Fixtures, read_only=self.check)
            return {"findings": [finding.record() for finding in findings] + used.result()}
