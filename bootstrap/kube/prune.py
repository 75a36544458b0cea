"""Finds the objects that bundles made, and removes them in an order in which what still runs keeps what it needs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bootstrap.errors import BootstrapError
from bootstrap.kube.stages import stages
from bootstrap.kube.status import describe

# Every kind that a component's bundle makes. Claims and volumes are none of them, nor anything that holds objects of its own.
KINDS = {
    "v1": ("ConfigMap", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("DaemonSet", "Deployment", "StatefulSet"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("CronJob", "Job"),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
}
_PARALLEL = 6
_POLL_SECONDS = 1.0


def find(api, label, bundles):
    """The objects of bundles, in the order of KINDS.

    What merely carries a copy of the label, as Endpoints do, was not applied in the name of the bundle and does not count.
    """
    if not bundles:
        return []
    query = {"labelSelector": f"{label} in ({','.join(bundles)})"}

    def listed(kind):
        reference = {"apiVersion": kind[0], "kind": kind[1], "metadata": {}}
        items = api.request("GET", api.path(reference, collection=True), query)["items"]
        return [{**item, "apiVersion": kind[0], "kind": kind[1]} for item in items if _applied(item, label)]

    with ThreadPoolExecutor(_PARALLEL) as pool:
        found = pool.map(listed, [(version, kind) for version, kinds in KINDS.items() for kind in kinds])
        return [item for items in found for item in items]


def claims(api, objects):
    """`namespace/name` of the claims that StatefulSets among the objects leave behind."""
    kept = []
    for item in objects:
        if item["kind"] == "StatefulSet":
            namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
            there = api.request("GET", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")["items"]
            prefixes = tuple(f"{template['metadata']['name']}-{name}-" for template in item["spec"].get("volumeClaimTemplates", []))
            kept += [f"{namespace}/{claim['metadata']['name']}" for claim in there if claim["metadata"]["name"].startswith(prefixes)]
    return kept


def remove(api, objects, timeout):
    """Delete objects, those first that others do not depend on; each stage is gone, its pods too, before the next.

    :raises BootstrapError: naming what is still there after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    for stage in reversed(stages(objects)):
        for item in stage:
            api.delete(item, {"propagationPolicy": "Background"})
        while left := _left(api, stage):
            if time.monotonic() > deadline:
                raise BootstrapError(f"still there after {timeout:.0f} s: {', '.join(left)}")
            time.sleep(_POLL_SECONDS)


def _applied(item, label):
    bundle = item["metadata"]["labels"][label]
    return any(entry.get("manager") == bundle and entry.get("operation") == "Apply" for entry in item["metadata"].get("managedFields", []))


def _left(api, stage):
    """Objects that are not gone yet, and pods of workloads among them."""
    left = []
    for item in stage:
        found = api.get(item)
        if found and found["metadata"]["uid"] == item["metadata"]["uid"]:
            left.append(describe(item))
        labels = (item.get("spec", {}).get("selector") or {}).get("matchLabels") if item["kind"] in KINDS["apps/v1"] else None
        if labels:
            left += [describe(pod) for pod in api.pods(item["metadata"]["namespace"], labels)]
    return left
