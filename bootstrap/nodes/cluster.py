"""What the cluster is just now: its nodes, etcd's members, the systems and their members, and the volumes that lie on one node alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.toolbox import Toolbox
from bootstrap.nodes.etcd import Etcd, EtcdPods, is_ready

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
HOSTNAME = "kubernetes.io/hostname"
_SECONDS = 20  # that a command in a pod may take
_PATIENCE = 15  # seconds that a system has to answer, on a crowded machine


@dataclass(frozen=True)
class Node:
    """A node as the API server knows it."""

    name: str
    control_plane: bool
    ready: bool
    cordoned: bool
    version: str = ""  # of the kubelet that runs
    labels: Mapping[str, str] = field(default_factory=dict)
    workloads: bool = True  # whether pods without a toleration run on it


@dataclass(frozen=True)
class System:
    """A system: where its members run, and what it says of itself (see programs.membership).

    `held`: why it does not go on without the members that it was asked about; `losing`: for which of these reasons it loses data when they
    come back empty; `alone`: those of them that hold something nobody else has.
    """

    name: str
    members: Mapping[str, str]  # pod → node, "" while it is on none
    leaders: Sequence[str] = ()
    whole: bool = False
    why: str = ""
    held: Sequence[str] = ()
    losing: Sequence[str] = ()
    alone: Sequence[str] = ()

    def on(self, nodes: Iterable[str]) -> list[str]:
        """Its members on these nodes."""
        return sorted(pod for pod, node in self.members.items() if node in set(nodes))


@dataclass(frozen=True)
class Volume:
    """A persistent volume that lies on one node, and the claim that has it, as namespace/name; "" while none has."""

    name: str
    node: str
    claim: str


@dataclass(frozen=True)
class Cluster:
    """All of it."""

    nodes: Mapping[str, Node]
    etcd: Etcd
    systems: Sequence[System] = ()
    volumes: Sequence[Volume] = ()
    pods: Mapping[str, Sequence[str]] = field(default_factory=dict)  # node → namespace/name of what a drain would move

    @property
    def unsettled(self) -> dict[str, str]:
        """Who is not whole or gave no answer, and why."""
        etcd = {} if self.etcd.members else {"etcd": self.etcd.why}
        return etcd | {system.name: system.why for system in self.systems if not system.whole}


class Reader:
    """Reads a cluster.

    :param arguments: `kubeconfig`, `kubectl`, the `namespace` of the toolbox, from which systems are asked, and `systems`: what each
        role says of its membership, as {system, namespace, workload, program, input}.
    :param lost: nodes that the systems are asked about.
    """

    def __init__(self, api: KubeApi, arguments: Mapping[str, Any], lost: Iterable[str] = ()) -> None:
        self._api, self._systems, self._lost = api, arguments["systems"], set(lost)
        self._kubeconfig, self._kubectl, self._namespace = arguments["kubeconfig"], arguments["kubectl"], arguments["namespace"]

    def read(self) -> Cluster:
        """The cluster, everything at once. Raises ApiError where the API server cannot be asked."""
        nodes = {node.name: node for node in map(_node, self._items("/api/v1/nodes"))}
        pods, volumes = self._items("/api/v1/pods"), list(self._volumes())
        placed = _placed(pods, volumes)
        with ThreadPoolExecutor(1 + len(self._systems)) as pool:
            etcd = pool.submit(EtcdPods(self._kubeconfig, self._kubectl, pods).read)
            there = [one for one in self._systems if placed(one)]  # what is deployed
            systems = list(pool.map(lambda one: self._system(one, placed), there))
        return Cluster(nodes, etcd.result(), systems, volumes, _by_node(pods))

    def _items(self, path: str) -> list[dict[str, Any]]:
        return self._api.request("GET", path)["items"]

    def _volumes(self) -> Iterable[Volume]:
        for item in self._items("/api/v1/persistentvolumes"):
            terms = item["spec"].get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms", [])
            rules = [rule for term in terms for rule in term.get("matchExpressions", []) if rule["key"] == HOSTNAME]
            places = [value for rule in rules for value in rule["values"]]
            if len(places) == 1:
                # A claim that let go of it may have another volume by now, under the same name.
                released = item["status"].get("phase") in ("Released", "Failed")
                claim = None if released else item["spec"].get("claimRef")
                yield Volume(item["metadata"]["name"], places[0], f"{claim['namespace']}/{claim['name']}" if claim else "")

    def _system(self, one: Mapping[str, Any], placed: Callable[[Mapping[str, Any]], dict[str, str]]) -> System:
        members = placed(one)
        lost = sorted(pod for pod, node in members.items() if node in self._lost)
        toolbox = Toolbox(self._kubeconfig, self._kubectl, self._namespace, patience=5)
        try:
            said = toolbox.ask(one["program"], {"patience": _PATIENCE, **one["input"], "lost": lost}, _SECONDS)
        except BootstrapError as error:
            reason = f"it does not say how it is: {error}"
            return System(one["system"], members, why=reason, held=[reason][: len(lost)], losing=[reason])
        return System(one["system"], members, **{name: said[name] for name in ("leaders", "whole", "why", "held", "losing", "alone")})


def _node(item: dict[str, Any]) -> Node:
    meta = item["metadata"]
    return Node(
        name=meta["name"],
        control_plane=CONTROL_PLANE in meta.get("labels", {}),
        ready=is_ready(item),
        cordoned=bool(item["spec"].get("unschedulable")),
        version=item["status"]["nodeInfo"]["kubeletVersion"],
        labels=meta.get("labels", {}),
        workloads=CONTROL_PLANE not in [taint["key"] for taint in item["spec"].get("taints", [])],
    )


def _owner(pod: Mapping[str, Any], kind: str) -> str:
    return next((owner["name"] for owner in pod["metadata"].get("ownerReferences", []) if owner["kind"] == kind), "")


def _placed(pods: Sequence[dict[str, Any]], volumes: Sequence[Volume]) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    """Where the members of a system's StatefulSets are; one that is on no node belongs where its volume lies."""
    places = {volume.claim: volume.node for volume in volumes}

    def of(system: Mapping[str, Any]) -> dict[str, str]:
        namespace, workloads, found = system["namespace"], [system["workload"], *system.get("other_workloads", [])], {}
        for pod in pods:
            if pod["metadata"]["namespace"] == namespace and _owner(pod, "StatefulSet") in workloads:
                claims = (volume.get("persistentVolumeClaim", {}).get("claimName") for volume in pod["spec"].get("volumes", []))
                lies = next((places[f"{namespace}/{claim}"] for claim in claims if f"{namespace}/{claim}" in places), "")
                found[pod["metadata"]["name"]] = pod["spec"].get("nodeName") or lies
        return found

    return of


def movable(pods: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Pods that a drain moves away: neither static ones, nor of DaemonSets, nor such as have ended."""
    return [
        pod
        for pod in pods
        if not _owner(pod, "DaemonSet") and not _owner(pod, "Node") and pod["status"].get("phase") not in ("Succeeded", "Failed")
    ]


def _by_node(pods: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Node → the pods that a drain moves away."""
    found: dict[str, list[str]] = {}
    for pod in movable(pods):
        if node := pod["spec"].get("nodeName"):
            found.setdefault(node, []).append(f"{pod['metadata']['namespace']}/{pod['metadata']['name']}")
    return {node: sorted(names) for node, names in found.items()}
