"""Action of the module statefulset_stop: it scales to zero and waits, from the controller."""

from __future__ import annotations

import time
from pathlib import Path

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# The controller does not look there by itself.
ansible.module_utils.__path__.append(str(Path(__file__).parents[1] / "module_utils"))
from ansible.module_utils.kube_api import ApiError, KubeApi

_MERGE = "application/merge-patch+json"


class ActionModule(ActionBase):
    """Takes the members away; whoever applies the StatefulSet next gives them back."""

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
                "name": {"type": "str", "required": True},
                "timeout": {"type": "int", "default": 180},
            }
        )
        meta = {key: arguments[key] for key in ("name", "namespace")}
        try:
            stopped = stop(KubeApi(arguments["kubeconfig"]), meta, arguments["timeout"], self._task.check_mode)
        except ApiError as error:
            raise AnsibleActionFail(f"StatefulSet {meta['namespace']}/{meta['name']}: {error}") from error
        return {"changed": bool(stopped), "stopped": stopped}


def stop(api, meta, timeout, check):
    """Scale a StatefulSet to zero and wait for its pods to end; how many it had.

    :raises ApiError: the server refuses, or pods are left after `timeout` seconds.
    """
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta}
    found = api.get(reference)
    members = _left(found)
    if not members or check:
        return members
    api.request("PATCH", api.path(reference), body={"spec": {"replicas": 0}}, content_type=_MERGE)
    deadline = time.monotonic() + timeout
    while left := _left(api.get(reference)):
        if time.monotonic() > deadline:
            raise ApiError(0, f"found {left} of {members} members left after {timeout} s; wanted none")
        time.sleep(1)
    return members


def _left(found):
    return max(found["spec"]["replicas"], found.get("status", {}).get("replicas", 0)) if found else 0
