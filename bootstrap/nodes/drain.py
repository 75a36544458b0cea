"""Moving the pods of a node away, all at once, as their budgets allow; docs/decisions/0042 says why no library does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.nodes.cluster import movable

_PAUSE = 2  # seconds between two rounds
_TELL = 20  # seconds between two lines that say what is awaited
_REFUSED, _GONE = 429, 404


class Drain:
    """The pods of a node, on their way.

    :param api: a client that repeats nothing: a budget that refuses lets others go first, and the next round tries again.
    :param patient: one that outlasts an API server which moves meanwhile.
    :param groups: members of a system on this node that may be away together, as the system has said. A budget that one of them has used up
        does not hold the next: their volumes are here, so none of them is back before all may be.
    :param dead: the machine is gone and nobody ends its pods: they are given up.
    """

    def __init__(self, api: KubeApi, patient: KubeApi, node: str, groups: Sequence[Sequence[str]], dead: bool) -> None:
        self._api, self._patient, self._node, self._dead = api, patient, node, dead
        self._fellows = {pod: set(group) - {pod} for group in groups for pod in group}
        self.held: dict[str, str] = {}  # pod → what keeps it

    def pods(self) -> list[Mapping[str, Any]]:
        """Those that are still to leave."""
        return movable(self._patient.request("GET", "/api/v1/pods", {"fieldSelector": f"spec.nodeName={self._node}"})["items"])

    def run(self, timeout: float, tell: Callable[[str], None]) -> bool:
        """Move all away; whether there was any. Ends in time, with what is left in `held`.

        :param timeout: seconds.
        :param tell: takes a line about what is awaited.
        """
        began = told = time.monotonic()
        pods = left = self.pods()
        while left:
            names = {pod["metadata"]["name"] for pod in left if not pod["metadata"].get("deletionTimestamp")}
            self.held = {name_of(pod): self._away(pod, names) for pod in left}
            if time.monotonic() - began > timeout:
                break
            if time.monotonic() - told > _TELL:
                told = time.monotonic()
                tell(f"  {told - began:.0f} s: {'; '.join(f'{pod}: {why}' for pod, why in self.held.items())}")
            time.sleep(_PAUSE)
            left = self.pods()
        self.held = self.held if left else {}
        return bool(pods)

    def _away(self, pod: Mapping[str, Any], there: set[str]) -> str:
        """Have a pod leave; why it has not."""
        place, name = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}", pod["metadata"]["name"]
        try:
            if self._dead:
                self._api.request("DELETE", place, {"gracePeriodSeconds": 0})
            elif name in there:
                self._evict(pod, place)
        except ApiError as error:
            fellows = self._fellows.get(name, set())
            if error.status == _REFUSED and fellows - there:
                self._api.request("DELETE", place)  # in good order all the same: its hooks run, and it has its time
            elif error.status != _GONE:
                return error.message
        return "it has not ended yet"

    def _evict(self, pod: Mapping[str, Any], place: str) -> None:
        meta = {name: pod["metadata"][name] for name in ("name", "namespace")}
        self._api.request("POST", f"{place}/eviction", body={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta})


def name_of(pod: Mapping[str, Any]) -> str:
    """A pod as namespace/name."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
