"""Action of the module cluster_checks: all checks at once."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.checks import certificates, cluster, network, storage  # noqa: F401  (their checks register themselves)
from bootstrap.checks.base import Site, run
from bootstrap.checks.fixtures import Fixtures


class ActionModule(KubernetesAction):
    """Gives the findings of the named checks; judging them is left to verify_report."""

    about = "The cluster could not be checked"

    def execute(self, arguments, task_vars):
        checks = arguments.pop("checks")
        return {"findings": [finding.record() for finding in run(Site(**arguments), checks, Fixtures, read_only=self.check)]}
