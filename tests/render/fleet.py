"""The machines of a site as small as its size class lets them be, and the pods that the site asks them to carry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bootstrap.validators.machines import TOLERANCE
from tests.render.packing import HOSTNAME, Node, Pod, quantity
from tests.render.rendering import Site

GIB = 2**30
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
SYSTEM_DISK_GIB = 20  # what Debian, images, logs and etcd take of a machine's disks
# What kubeadm and Cilium bring, by no bundle of ours. The chart requests nothing; an agent was measured at 190 MB.
BESIDES = {
    "every node": {"cpu": 0.1, "memory": 0.25 * GIB},  # Cilium's agent
    "control plane": {"cpu": 0.65, "memory": 0.1 * GIB},  # API server 250m, controller manager 200m, scheduler and etcd 100m each
    "anywhere": [{"cpu": 0.1, "memory": 0.07 * GIB}] * 4,  # two of CoreDNS, two of Cilium's operator
}


def machines(site: Site) -> list[Node]:
    """The nodes of the inventory with what is left of them for pods."""
    groups, sizes = site.value("{{ groups }}"), site.value("{{ sizing.machine }}")
    carrying = site.value("{{ platform_workload_nodes }}")
    reserved = [site.value(f"{{{{ kubelet_{what}_reserved }}}}", "kubelet") for what in ("system", "kube")]
    evicted = quantity(site.value("{{ kubelet_eviction_hard }}", "kubelet")["memory.available"])
    nodes = []
    for name in groups["nodes"]:
        leads = name in groups["control_plane"]
        size = sizes["control_plane" if leads else "worker"]
        taken = [BESIDES["every node"], *([BESIDES["control plane"]] if leads else [])]
        allocatable = {
            "cpu": size["cpu"] - sum(quantity(part["cpu"]) for part in reserved) - sum(part["cpu"] for part in taken),
            "memory": size["memory_gib"] * TOLERANCE * GIB
            - evicted
            - sum(quantity(part["memory"]) for part in reserved)
            - sum(part["memory"] for part in taken),
            "disk": (size["disk_gib"] * TOLERANCE - SYSTEM_DISK_GIB) * GIB,
            "pods": site.value("{{ kubelet_max_pods }}", "kubelet") - len(taken),
        }
        labels = {HOSTNAME: name, **({CONTROL_PLANE: ""} if leads else {})}
        nodes.append(Node(name, allocatable, labels, [] if name in carrying else [CONTROL_PLANE]))
    return nodes


def pods(site: Site, nodes: list[Node], grown: bool = False) -> Iterator[Pod]:
    """Every pod of the site at its busiest: while deployments roll, and with every scheduled job running at once.

    :param grown: each autoscaler has chosen its most, else its least.
    """
    scalers = [item["spec"] for item in site.objects if item["kind"] == "HorizontalPodAutoscaler"]
    chosen = {scaler["scaleTargetRef"]["name"]: scaler["maxReplicas" if grown else "minReplicas"] for scaler in scalers}
    for item in site.objects:
        spec = item.get("spec", {})
        if item["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if "template" not in spec:
            continue
        for number in range(_count(item, spec, nodes, chosen)):
            yield _pod(f"{item['metadata']['name']}-{number}", item, spec)
    for number, requests in enumerate(BESIDES["anywhere"]):
        yield Pod(f"cluster-{number}", "kube-system", {}, {"tolerations": [{"operator": "Exists"}]}, {"disk": 0, "pods": 1, **requests})


def limits(pod: Pod) -> float:
    """The memory that its containers may come to use."""
    return sum(quantity(container["resources"]["limits"]["memory"]) for container in pod.spec["containers"])


def _count(item: dict[str, Any], spec: dict[str, Any], nodes: list[Node], chosen: dict[str, int]) -> int:
    if item["kind"] == "DaemonSet":
        return len(nodes)
    if item["kind"] in ("CronJob", "Job"):
        return spec.get("parallelism", 1)
    replicas = spec.get("replicas", chosen.get(item["metadata"]["name"], 1))
    if item["kind"] != "Deployment" or spec.get("strategy", {}).get("type") == "Recreate":
        return replicas
    surge = str(spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", "25%"))
    return replicas + (-(-replicas * int(surge[:-1]) // 100) if surge.endswith("%") else int(surge))


def _pod(name: str, item: dict[str, Any], spec: dict[str, Any]) -> Pod:
    template = spec["template"]
    claims = [claim["spec"]["resources"]["requests"]["storage"] for claim in spec.get("volumeClaimTemplates", [])]
    requests = {"disk": sum(quantity(size) for size in claims), "pods": 1.0}
    for what in ("cpu", "memory"):
        running = sum(_request(container, what) for container in template["spec"]["containers"])
        requests[what] = max([running, *(_request(container, what) for container in template["spec"].get("initContainers", []))])
    labels = template.get("metadata", {}).get("labels", {})
    return Pod(name, item["metadata"].get("namespace", "default"), labels, template["spec"], requests)


def _request(container: dict[str, Any], what: str) -> float:
    return quantity(container.get("resources", {}).get("requests", {}).get(what, 0))
