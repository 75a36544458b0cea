"""Puts pods on machines as the scheduler may: requests, taints, selectors, anti-affinity and spread respected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_DECIMAL = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
HOSTNAME = "kubernetes.io/hostname"


def quantity(value: str | int | float) -> float:
    """A Kubernetes quantity as a number: cores, bytes."""
    text = str(value)
    for units in (_BINARY, _DECIMAL):
        for unit, factor in units.items():
            if text.endswith(unit):
                return float(text[: -len(unit)]) * factor
    return float(text)


@dataclass
class Node:
    """A machine: what it can give (cpu, memory, disk, pods), and who is on it."""

    name: str
    allocatable: dict[str, float]
    labels: dict[str, str]
    taints: list[str] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)

    def taken(self, what: str) -> float:
        """The sum of the requests of its pods."""
        return sum(pod.requests[what] for pod in self.pods)

    def share(self) -> float:
        """How full it is, by the resource of which least is left."""
        return max(self.taken(what) / most for what, most in self.allocatable.items())


@dataclass
class Pod:
    """A pod of a workload: its specification, labels and namespace, and all that it requests."""

    name: str
    namespace: str
    labels: dict[str, str]
    spec: dict[str, Any]
    requests: dict[str, float]

    def fits(self, node: Node, nodes: list[Node]) -> bool:
        """Whether the scheduler may put it there, with every other pod where it is."""
        return (
            all(node.taken(what) + self.requests[what] <= most for what, most in node.allocatable.items())
            and not set(node.taints) - self._tolerated(node)
            and all(node.labels.get(key) == value for key, value in self.spec.get("nodeSelector", {}).items())
            and not any(self._meets(term, other) for term in self._apart() for other in node.pods)
            and not any(other.meets(self) for other in node.pods)
            and all(self._even(rule, node, nodes) for rule in self.spec.get("topologySpreadConstraints", []))
        )

    def meets(self, other: Pod) -> bool:
        """Whether it must not share a node with the other pod."""
        return any(self._meets(term, other) for term in self._apart())

    def constrained(self) -> bool:
        """Whether its place depends on where others are."""
        return bool(self._apart() or self.spec.get("topologySpreadConstraints"))

    def _apart(self) -> list[dict]:
        affinity = self.spec.get("affinity", {}).get("podAntiAffinity", {})
        terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", [])
        return [term for term in terms if term["topologyKey"] == HOSTNAME]

    def _meets(self, term: dict, other: Pod) -> bool:
        return other.namespace in term.get("namespaces", [self.namespace]) and _selects(term["labelSelector"], other.labels)

    def _tolerated(self, node: Node) -> set[str]:
        tolerations = self.spec.get("tolerations", [])
        return {taint for taint in node.taints if any(t.get("key") in (None, taint) for t in tolerations if t.get("operator") == "Exists")}

    def _even(self, rule: dict, node: Node, nodes: list[Node]) -> bool:
        if rule["whenUnsatisfiable"] != "DoNotSchedule":
            return True
        key, counts = rule["topologyKey"], {}
        for each in nodes:
            if key in each.labels and not set(each.taints) - self._tolerated(each):
                same = [p for p in each.pods if p.namespace == self.namespace and _selects(rule["labelSelector"], p.labels)]
                counts[each.labels[key]] = counts.get(each.labels[key], 0) + len(same)
        return key in node.labels and counts[node.labels[key]] + 1 - min(counts.values()) <= rule["maxSkew"]


def _selects(selector: dict, labels: dict[str, str]) -> bool:
    if "matchExpressions" in selector:
        raise NotImplementedError(f"a selector with expressions: {selector}")
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items())


def pack(pods: Iterable[Pod], nodes: list[Node]) -> list[Pod]:
    """Place pods, the choosy and the large first, each where most is left; gives those that found no place."""
    biggest = {what: max(node.allocatable[what] for node in nodes) for what in nodes[0].allocatable}

    def size(pod: Pod) -> tuple[bool, float]:
        return pod.constrained(), max(pod.requests[what] / most for what, most in biggest.items())

    homeless = []
    for pod in sorted(pods, key=size, reverse=True):
        if possible := [node for node in nodes if pod.fits(node, nodes)]:
            min(possible, key=Node.share).pods.append(pod)
        else:
            homeless.append(pod)
    return homeless
