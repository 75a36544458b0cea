"""Action of the module helm_unlock: it looks at a release's records and removes one that nobody will end."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from ansible.utils.display import Display

from bootstrap.ansible import KubernetesAction

_POLL_SECONDS = 5.0


class ActionModule(KubernetesAction):
    """Gives a helm that is at work the time that it may take, and takes the lock of a killed one away."""

    def execute(self, arguments, task_vars):
        self.about = f"release {arguments['namespace']}/{arguments['name']}"
        removed = unlock(self.cluster(arguments), arguments["namespace"], arguments["name"], arguments["timeout"], self.check)
        return {"changed": bool(removed), "removed": removed}


def unlock(api, namespace, name, timeout, check):
    """Remove the record of an operation that began more than `timeout` seconds ago and never ended; names of such records.

    :raises ApiError: the server refuses.
    """
    while True:
        records = _pending(api, namespace, name)
        young = [age for age in map(_age, records) if age <= timeout]
        if check or not young:
            break
        Display().display(f"{name}: another helm began {min(young):.0f} s ago; it may take {timeout} s")
        time.sleep(_POLL_SECONDS)
    left = [record for record in records if _age(record) > timeout]
    for record in [] if check else left:
        api.delete({"apiVersion": "v1", "kind": "Secret", "metadata": record["metadata"]}, {})
    return [record["metadata"]["name"] for record in left]


def _pending(api, namespace, name):
    states = "pending-install,pending-upgrade,pending-rollback"
    query = {"labelSelector": f"owner=helm,name={name},status in ({states})"}
    path = api.path({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace}}, collection=True)
    return api.request("GET", path, query)["items"]


def _age(record):
    return (datetime.now(UTC) - datetime.fromisoformat(record["metadata"]["creationTimestamp"])).total_seconds()
