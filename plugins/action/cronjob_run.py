"""Action of the module cronjob_run: it makes the Job and follows it from the controller."""

from __future__ import annotations

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.kube.cron_job import JobFailed, Run, findings, reference


class ActionModule(ActionBase):
    """Gives what the Job printed last. In check mode no Job is made."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "namespace": {"type": "str", "required": True},
                "cronjob": {"type": "str", "required": True},
                "timeout": {"type": "int", "default": 3600},
                "judge": {"type": "bool", "default": True},
                "required": {"type": "bool", "default": True},
                "first": {"type": "bool", "default": False},
            }
        )
        namespace, name = arguments["namespace"], arguments["cronjob"]
        try:
            api = KubeApi(arguments["kubeconfig"])
            cron_job = api.get(reference("CronJob", namespace, name))
            done = arguments["first"] and ((cron_job or {}).get("status") or {}).get("lastSuccessfulTime")
            if self._task.check_mode or done or not (cron_job or arguments["required"]):
                return {"changed": bool(cron_job and not done), "present": bool(cron_job), "findings": [], "result": {}, "lines": []}
            if not cron_job:
                raise AnsibleActionFail(f"{name}: found no such CronJob in {namespace}; wanted that of a system which is deployed.")
            return self._follow(Run(api, cron_job, self._display.display), cron_job, arguments["timeout"], arguments["judge"])
        except ApiError as error:
            raise AnsibleActionFail(f"{name} in {namespace}: {error}") from error

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
