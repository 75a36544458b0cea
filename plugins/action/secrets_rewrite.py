"""Action of the module secrets_rewrite: it has the API server encrypt every Secret by the key in force."""

from __future__ import annotations

from bootstrap.ansible import KubernetesAction
from bootstrap.kube.api import ApiError


class ActionModule(KubernetesAction):
    """Changes nothing in a Secret, so its users see nothing."""

    about = "Secrets"

    def execute(self, arguments, task_vars):
        written = [] if self.check else rewrite(self.cluster(arguments))
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
