"""Action of the module helm_ready: what a release consists of stands in helm's own record of it, in the cluster."""

from __future__ import annotations

import base64
import gzip
import json
import time

import yaml

from bootstrap.ansible import KubernetesAction
from bootstrap.errors import BootstrapError
from bootstrap.kube.status import awaited
from bootstrap.kube.waiting import wait


class ActionModule(KubernetesAction):
    """Waits for the objects of a release as k8s_bundle does for those of a bundle. A check, which installs nothing, waits for nothing."""

    def execute(self, arguments, task_vars):
        namespace, name = arguments["namespace"], arguments["name"]
        self.about = f"release {namespace}/{name}"
        if self.check:
            return {"objects": 0}
        deadline, api = time.monotonic() + arguments["timeout"], self.cluster(arguments)
        wanted = [item for item in objects(api, namespace, name) if awaited(item)]
        wait(api, name, [(item, None) for item in wanted], deadline)
        return {"objects": len(wanted)}


def objects(api, namespace, name):
    """The objects of the deployed release, as its chart renders them; those of no namespace are in the release's.

    :raises ApiError: the server refuses.
    :raises BootstrapError: there is no such release, or it is not deployed.
    """
    path = api.path({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace}}, collection=True)
    found = api.request("GET", path, {"labelSelector": f"owner=helm,name={name},status=deployed"})["items"]
    if not found:
        raise BootstrapError("found no record of it as deployed; wanted one.")
    newest = max(found, key=lambda record: int(record["metadata"]["labels"]["version"]))
    record = base64.b64decode(base64.b64decode(newest["data"]["release"]))  # once by the API and once by helm
    manifest = json.loads(gzip.decompress(record))["manifest"]
    items = [item for item in yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if item]
    for item in items:
        item["metadata"].setdefault("namespace", namespace)
    return items
