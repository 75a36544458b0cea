"""Action of the module kube_absent: it removes an object and waits until it is gone."""

from __future__ import annotations

import time

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.status import describe


class ActionModule(KubernetesAction):
    """Removes nothing that lacks the labels which say that it may go."""

    def execute(self, arguments, task_vars):
        meta = {"name": arguments["name"], "namespace": arguments["namespace"]}
        target = {"apiVersion": arguments["api_version"], "kind": arguments["kind"], "metadata": meta}
        self.about = describe(target)
        return self._remove(self.cluster(arguments), target, arguments["labels"], arguments["timeout"])

    def _remove(self, api, target, labels, timeout):
        found = api.get(target)
        if not found:
            return {}
        own = found["metadata"].get("labels", {})
        if not {key: str(value) for key, value in labels.items()}.items() <= own.items():
            raise BootstrapError(f"found labels {own}; wanted {labels}, or it is not ours to remove.")
        if self.check:
            return {"changed": True}
        api.request("DELETE", api.path(target), {"propagationPolicy": "Foreground"})
        deadline = time.monotonic() + timeout
        while (left := api.get(target)) and left["metadata"]["uid"] == found["metadata"]["uid"]:
            if time.monotonic() > deadline:
                reasons = [c["message"] for c in (left.get("status") or {}).get("conditions") or [] if c["status"] == "True"]
                raise BootstrapError(f"still there after {timeout} s. {' '.join(reasons)}")
            time.sleep(1)
        return {"changed": True}
