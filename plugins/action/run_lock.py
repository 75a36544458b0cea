"""Action of the module run_lock: it asks the cluster from the controller."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube import run_lock
from bootstrap.kube.api import ApiError, KubeApi


class ActionModule(ActionBase):
    """Takes the lock for the process of this run. A check changes nothing, so it takes none."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={"kubeconfig": {"type": "path", "required": True}, "timeout": {"type": "int", "default": 10}}
        )
        kubeconfig, process = arguments["kubeconfig"], os.getppid()  # a task runs in a fork of the run's own process
        if self._task.check_mode or not Path(kubeconfig).is_file():
            return {"changed": False, "holder": ""}
        holder = run_lock.identity(process)
        try:
            if run_lock.acquire(KubeApi(kubeconfig, patience=arguments["timeout"]), holder):
                run_lock.start_keeper(kubeconfig, holder, process)
        except run_lock.Held as other:
            raise AnsibleActionFail(
                f"Another run is at work on this cluster: found the lock of {other}; wanted nobody's. Nothing was changed. Wait until it"
                f" has ended; the lock of a run that was killed ends by itself within {run_lock.LEASE_SECONDS} s."
            ) from other
        except ApiError as error:
            # A cluster that is down is what a run is there to mend, and then nobody else can say that he runs.
            self._display.warning(f"No lock was taken: the API of {kubeconfig} gave {error}")
            return {"changed": False, "holder": ""}
        return {"changed": False, "holder": holder}
