"""Action of the module cronjob_run: it makes the Job and follows it."""

from __future__ import annotations

from ansible import constants as C

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.cron_job import JobFailed, Run, findings, reference


class ActionModule(KubernetesAction):
    """Gives what the Job printed last. In check mode no Job is made."""

    def execute(self, arguments, task_vars):
        namespace, name = arguments["namespace"], arguments["cronjob"]
        self.about = f"{name} in {namespace}"
        api = self.cluster(arguments)
        cron_job = api.get(reference("CronJob", namespace, name))
        done = arguments["first"] and ((cron_job or {}).get("status") or {}).get("lastSuccessfulTime")
        if self.check or done or not (cron_job or arguments["required"]):
            return {"changed": bool(cron_job and not done), "present": bool(cron_job), "findings": [], "result": {}, "lines": []}
        if not cron_job:
            raise BootstrapError("found no such CronJob; wanted that of a system which is deployed.")
        return self._follow(Run(api, cron_job, self._display.display), cron_job, arguments["timeout"], arguments["judge"])

    def _follow(self, run, cron_job, timeout, judge):
        fault = ""
        try:
            run.follow(timeout)
        except JobFailed as error:
            fault = str(error)
        system = cron_job["metadata"].get("labels", {}).get("app.kubernetes.io/component") or run.cron_job
        answer = {"changed": True, "present": True, "job": run.job, "seconds": round(run.seconds, 1)}
        answer |= {"lines": run.lines, "result": run.result, "findings": findings(run, system, fault)}
        if fault and judge:
            answer |= {"failed": True, "msg": fault}
        elif fault:
            self._display.display(fault, color=C.COLOR_ERROR)
        return answer
