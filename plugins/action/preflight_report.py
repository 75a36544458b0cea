"""Judge what `node_probe` saw on all nodes: every finding at once, in one table."""

from __future__ import annotations

from ansible import constants as C

from bootstrap.ansible import ControllerAction
from bootstrap.validators import fleet, machines
from bootstrap.validators.findings import headline, report, tolerate

ADVICE = "Nothing was changed: mend these, or tolerate a [rule] by name in preflight_tolerate, and run again."


class ActionModule(ControllerAction):
    """Shows one table of all findings; those that are fatal fail the task."""

    def execute(self, arguments, task_vars):
        hostvars = task_vars["hostvars"]
        hosts = [host for host in task_vars["groups"]["nodes"] if self._expected(host, task_vars)]
        answers = {host: hostvars[host].get(arguments["probe"]) for host in hosts}
        probes = {host: answer for host, answer in answers.items() if answer and "kernel" in answer}
        findings = fleet.validate(hosts, probes)
        for host, probe in probes.items():
            judged = machines.validate(self._machine(host, probe, hostvars[host], task_vars["groups"], arguments["limits"]))
            findings += tolerate(judged, hostvars[host].get("preflight_tolerate", arguments["tolerate"]))
        fatal = any(finding.fatal for finding in findings)
        if findings:
            self._display.display(f"\n{report(findings)}\n", color=C.COLOR_ERROR if fatal else C.COLOR_WARN)
        summary = headline(findings, f"preflight of {len(probes)} of {len(hosts)} nodes")
        return {"failed": fatal, "msg": f"{summary}. {ADVICE}" if fatal else summary}

    @staticmethod
    def _expected(host, task_vars):
        """Whether the run is about this host: one that --limit leaves out is not missing."""
        return host in task_vars["ansible_play_hosts_all"]

    @staticmethod
    def _machine(host, probe, variables, groups, limits):
        role = "control_plane" if host in groups["control_plane"] else "worker"
        return machines.Machine(
            host=host,
            role=role,
            probe=probe,
            wanted=variables["sizing"]["machine"][role],
            kubernetes=str(variables["artifacts_versions"]["kubernetes"]),
            limits=limits,
            pod_encryption=str(variables["platform_pod_encryption"]),
        )
