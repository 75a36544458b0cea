"""Action of the module kube_absent: it removes an object and waits until it is gone."""

from __future__ import annotations

import time

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.kube.status import describe


class ActionModule(ActionBase):
    """Removes nothing that lacks the labels which say that it may go."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "kubeconfig": {"type": "path", "required": True},
                "api_version": {"type": "str", "required": True},
                "kind": {"type": "str", "required": True},
                "name": {"type": "str", "required": True},
                "namespace": {"type": "str", "default": ""},
                "labels": {"type": "dict", "required": True},
                "timeout": {"type": "int", "default": 180},
            }
        )
        meta = {"name": arguments["name"], "namespace": arguments["namespace"]}
        target = {"apiVersion": arguments["api_version"], "kind": arguments["kind"], "metadata": meta}
        try:
            return self._remove(KubeApi(arguments["kubeconfig"]), target, arguments["labels"], arguments["timeout"])
        except ApiError as error:
            raise AnsibleActionFail(f"{describe(target)}: {error}") from error

    def _remove(self, api, target, labels, timeout):
        found = api.get(target)
        if not found:
            return {"changed": False}
        own = found["metadata"].get("labels", {})
        if not {key: str(value) for key, value in labels.items()}.items() <= own.items():
            raise AnsibleActionFail(f"{describe(target)}: found labels {own}; wanted {labels}, or it is not ours to remove.")
        if self._task.check_mode:
            return {"changed": True}
        api.request("DELETE", api.path(target), {"propagationPolicy": "Foreground"})
        deadline = time.monotonic() + timeout
        while (left := api.get(target)) and left["metadata"]["uid"] == found["metadata"]["uid"]:
            if time.monotonic() > deadline:
                reasons = [c["message"] for c in (left.get("status") or {}).get("conditions") or [] if c["status"] == "True"]
                raise AnsibleActionFail(f"{describe(target)}: still there after {timeout} s. {' '.join(reasons)}")
            time.sleep(1)
        return {"changed": True}
