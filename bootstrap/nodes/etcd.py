"""etcd, asked and told through the pod of a member that is ready."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import BootstrapError

_PKI = "/etc/kubernetes/pki/etcd"
_CLIENT = [f"--cacert={_PKI}/ca.crt", f"--cert={_PKI}/healthcheck-client.crt", f"--key={_PKI}/healthcheck-client.key"]
_ETCDCTL = ["etcdctl", *_CLIENT, "--command-timeout=4s", "--write-out=json"]
_SECONDS = 20  # that a command in a pod may take


@dataclass(frozen=True)
class Etcd:
    """Members of etcd by name, and whether each answers; empty where none could be asked, with the reason."""

    members: Mapping[str, bool]
    leader: str = ""
    size: int = 0  # bytes of the largest database
    why: str = ""


class EtcdPods:
    """The members as pods.

    :param pods: of the namespace kube-system at least, as the API gives them.
    """

    def __init__(self, kubeconfig: str, kubectl: str, pods: Iterable[Mapping[str, Any]]) -> None:
        self._kubectl = [kubectl, f"--kubeconfig={kubeconfig}", "--namespace=kube-system", "exec"]
        self._members = {
            pod["metadata"]["name"]: pod["spec"].get("nodeName", "")
            for pod in pods
            if pod["metadata"].get("labels", {}).get("component") == "etcd" and is_ready(pod)
        }

    def read(self) -> Etcd:
        """What the first one that answers says of all."""
        why = "no member is ready"
        for pod in self._members:
            try:
                names = self._names(pod)
                # It gives those that answer, and a failure beside them when one does not.
                answered = json.loads(self._exec(pod, "endpoint", "status", "--cluster", strict=False) or "[]")
                status = {one["Status"]["header"]["member_id"]: one["Status"] for one in answered}
            except (BootstrapError, ValueError, KeyError) as error:
                why = f"{pod}: {error}"
                continue
            leader = next((names.get(one["leader"], "") for one in status.values() if one.get("leader")), "")
            size = max((one.get("dbSize", 0) for one in status.values()), default=0)
            return Etcd({name: identity in status for identity, name in names.items()}, leader, size)
        return Etcd({}, why=why)

    def remove(self, name: str, check: bool = False) -> bool:
        """Take a member out, told to one on another node; whether there was one.

        :param check: only tell.
        :raises BootstrapError: no other member answers, or etcd refuses.
        """
        why = "no other member is ready"
        for pod in (pod for pod, node in self._members.items() if node != name):
            try:
                found = [identity for identity, member in self._names(pod).items() if member == name]
            except (BootstrapError, ValueError, KeyError) as error:
                why = f"{pod}: {error}"
                continue
            for identity in [] if check else found:
                self._exec(pod, "member", "remove", f"{identity:x}")
            return bool(found)
        raise BootstrapError(f"{name}: etcd: found {why}; wanted one that takes it out of the members")

    def _names(self, pod: str) -> dict[int, str]:
        listed = json.loads(self._exec(pod, "member", "list"))["members"]
        return {member["ID"]: member.get("name") or member["peerURLs"][0] for member in listed}

    def _exec(self, pod: str, *words: str, strict: bool = True) -> str:
        command: Sequence[str] = [*self._kubectl, pod, "--", *_ETCDCTL, *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise BootstrapError(f"kubectl exec did not end in {_SECONDS} s") from None
        if done.returncode and strict:
            raise BootstrapError((done.stderr or done.stdout).strip()[-300:])
        return done.stdout


def is_ready(item: Mapping[str, Any]) -> bool:
    """Whether a pod or a node says that it is."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in item["status"].get("conditions", []))
