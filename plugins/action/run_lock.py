"""Action of the module run_lock: it asks the cluster from the controller."""

from __future__ import annotations

import os
from pathlib import Path

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube import run_lock
from bootstrap.kube.api import ApiError


class ActionModule(KubernetesAction):
    """Takes the lock for the process of this run. A check changes nothing, so it takes none."""

    def execute(self, arguments, task_vars):
        kubeconfig, process = arguments["kubeconfig"], os.getppid()  # a task runs in a fork of the run's own process
        if self.check or not Path(kubeconfig).is_file():
            return {"holder": ""}
        holder = run_lock.identity(process)
        try:
            if run_lock.acquire(self.cluster(arguments, patience=arguments["timeout"]), holder):
                run_lock.start_keeper(kubeconfig, holder, process)
        except run_lock.Held as other:
            raise BootstrapError(
                f"Another run is at work on this cluster: found the lock of {other}; wanted nobody's. Nothing was changed. Wait until it"
                f" has ended; the lock of a run that was killed ends by itself within {run_lock.LEASE_SECONDS} s."
            ) from other
        except ApiError as error:
            # A cluster that is down is what a run is there to mend, and then nobody else can say that he runs.
            self._display.warning(f"No lock was taken: the API of {kubeconfig} gave {error}")
            return {"holder": ""}
        return {"holder": holder}
