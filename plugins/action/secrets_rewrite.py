"""Action of the module secrets_rewrite: it has the API server encrypt every Secret by the key in force."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from bootstrap.kube.api import ApiError, KubeApi


class ActionModule(ActionBase):
    """Changes nothing in a Secret, so its users see nothing."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """See the documentation of the module."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec={"kubeconfig": {"type": "path", "required": True}})
        try:
            written = [] if self._task.check_mode else rewrite(KubeApi(arguments["kubeconfig"]))
        except ApiError as error:
            raise AnsibleActionFail(f"Secrets: {error}") from error
        return {"changed": bool(written), "written": written}


def rewrite(api):
    """Have what another key encrypted written anew; namespace/name of each.

    :raises ApiError: the server refuses, or has no key for one of them.
    """
    written = []
    for secret in api.request("GET", "/api/v1/secrets")["items"]:
        meta = secret["metadata"]
        try:
            path = api.path({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
            after = api.request("PATCH", path, body={}, content_type="application/merge-patch+json")
        except ApiError as error:
            if error.status == 404:  # it went meanwhile
                continue
            raise
        if after["metadata"]["resourceVersion"] != meta["resourceVersion"]:
            written.append(f"{meta['namespace']}/{meta['name']}")
    return written
