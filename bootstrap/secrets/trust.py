"""The copies of a cluster's CAs that are kept within it, and the pods that have read one of them."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiError
from bootstrap.kube.status import pending

PAUSE = 3  # seconds between two looks
EXTENSIONS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"namespace": "kube-system", "name": "extension-apiserver-authentication"},
}
JOINING = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "kube-public", "name": "cluster-info"}}
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
ROOT = "kube-root-ca.crt"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_DATA = re.compile(r"(?<=certificate-authority-data: )\S+")


class Untold(BootstrapError):
    """Somebody did not follow in time; the text says who, and what was found and wanted."""


def certificates(text: str) -> set[str]:
    """The certificates of a bundle, in whatever order."""
    return set(_CERTIFICATE.findall(text))


class ClusterTrust:
    """Args: api: the cluster's KubeApi. timeout: seconds that each who follows may take."""

    def __init__(self, api: Any, timeout: int) -> None:
        self.api, self.timeout = api, timeout

    def extensions(self, client: str, proxy: str) -> list[str]:
        """Have extensions of the API told of these CAs and no other; API servers only ever add to what they tell. Raises Untold."""

        def right() -> bool:
            data = (self.api.get(EXTENSIONS) or {}).get("data", {})
            found = [certificates(data.get(key, "")) for key in ("client-ca-file", "requestheader-client-ca-file")]
            return found == [certificates(client), certificates(proxy)]

        if right():
            return []
        self.api.delete(EXTENSIONS, {})
        self._await(right, "ConfigMap kube-system/extension-apiserver-authentication: found other CAs than the API servers have")
        return ["extension-apiserver-authentication"]

    def pods(self, client: str, evict: bool) -> list[str]:
        """Have every namespace, joining nodes and pods know these CAs; whom that concerned. Raises Untold."""
        self._await(lambda: not self._behind(client), f"ConfigMap {ROOT}: found other CAs than wanted in some namespace")
        told = self._joining(client)
        return told + self._evict() if evict else told

    def _told(self) -> list[dict]:
        return self.api.request("GET", "/api/v1/configmaps", {"fieldSelector": f"metadata.name={ROOT}"})["items"]

    def _behind(self, client: str) -> bool:
        return any(item["data"]["ca.crt"].strip() != client.strip() for item in self._told())

    def _joining(self, client: str) -> list[str]:
        """Tell joining nodes: kubeadm writes this at init only."""
        text = self.api.get(JOINING)["data"]["kubeconfig"]
        wanted = _DATA.sub(base64.b64encode(client.encode()).decode(), text)
        if wanted == text:
            return []
        self.api.request(
            "PATCH", self.api.path(JOINING), body={"data": {"kubeconfig": wanted}}, content_type="application/merge-patch+json"
        )
        return ["cluster-info"]

    def _evict(self) -> list[str]:
        """Evict the pods that may have read less than their namespace was told since, one after the other."""
        since = {item["metadata"]["namespace"]: max(map(_changed, item["metadata"]["managedFields"])) for item in self._told()}
        evicted = []
        for pod in self.api.request("GET", "/api/v1/pods")["items"]:
            meta = pod["metadata"]
            made = datetime.fromisoformat(meta["creationTimestamp"])
            if pod["status"].get("phase") in ("Succeeded", "Failed") or not _reads(pod) or made > since[meta["namespace"]]:
                continue
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": meta["namespace"], "name": meta["name"]}}
            name = f"Pod {meta['namespace']}/{meta['name']}"
            self._await(
                lambda path=path, body=body: self._left(f"{path}/eviction", body), f"{name}: found a disruption budget that keeps it"
            )
            self._await(lambda meta=meta: self._gone(meta), f"{name}: found it still there after it was evicted")
            self._await(self._serving, f"{name} was evicted: found workloads that are not ready since")
            evicted.append(name)
        return evicted

    def _left(self, path: str, body: dict) -> bool:
        """Whether an eviction was allowed; a pod that is gone has left too."""
        try:
            self.api.request("POST", path, body=body)
        except ApiError as error:
            if error.status not in (404, 429):
                raise
            return error.status == 404
        return True

    def _gone(self, meta: dict) -> bool:
        found = self.api.get({"apiVersion": "v1", "kind": "Pod", "metadata": meta})
        return not found or found["metadata"]["uid"] != meta["uid"]

    def _serving(self) -> bool:
        found = [(kind, item) for kind in WORKLOADS for item in self.api.request("GET", f"/apis/apps/v1/{kind.lower()}s")["items"]]
        return not any(pending(item | {"kind": kind}) for kind, item in found)

    def _await(self, done: Callable[[], bool], wrong: str) -> None:
        end = time.monotonic() + self.timeout
        while not done():
            if time.monotonic() > end:
                raise Untold(f"{wrong}; waited {self.timeout} s. The same command goes on from here.")
            time.sleep(PAUSE)


def _reads(pod: dict) -> bool:
    """Whether a pod is given the cluster's CA."""
    sources = [source for volume in pod["spec"].get("volumes", []) for source in (volume.get("projected") or {}).get("sources", [])]
    return any(source.get("configMap", {}).get("name") == ROOT for source in sources)


def _changed(field: dict) -> datetime:
    return datetime.fromisoformat(field["time"])
