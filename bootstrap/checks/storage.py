"""What the cluster keeps: data over a pod's move, and secrets from whoever reads the disk."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.checks.base import Finding, Site, check
from bootstrap.checks.playground import Playground

_ETCD_PKI = "/etc/kubernetes/pki/etcd"
_ENCRYPTED = "k8s:enc:secretbox:v1:"


@check("storage", probing=True)
def storage(site: Site, ground: Playground) -> Iterable[Finding]:
    """A pod writes and is deleted; the next one finds the data."""
    claim = {"storageClassName": site.storage_class, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    ground.make({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim})
    ground.make(ground.pod("writer", ["sh", "-c", f"echo {ground.token} > /data/token && sync"], claim="data"))
    written = ground.await_pod("writer", "Succeeded")
    ground.delete("Pod", "writer")
    ground.make(ground.pod("reader", ["cat", "/data/token"], claim="data"))
    read = ground.await_pod("reader", "Succeeded")
    found = ground.log("reader")
    places = f"written on {written['spec']['nodeName']}, read on {read['spec']['nodeName']}"
    detail = places if found == ground.token else f"{places}: found {found!r}, wanted {ground.token!r}"
    yield Finding("storage", site.storage_class, found == ground.token, detail)


@check("encryption", probing=True)
def encryption(site: Site, ground: Playground) -> Iterable[Finding]:
    """A Secret's bytes in etcd are not its text."""
    ground.make({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": {"word": ground.token}})
    members = site.items("/api/v1/namespaces/kube-system/pods", labelSelector="component=etcd", fieldSelector="status.phase=Running")
    if not members:
        return [Finding("encryption", "etcd", False, "no etcd pod runs in kube-system")]
    member = members[0]["metadata"]["name"]
    client = [f"--cacert={_ETCD_PKI}/ca.crt", f"--cert={_ETCD_PKI}/healthcheck-client.crt", f"--key={_ETCD_PKI}/healthcheck-client.key"]
    read = ["etcdctl", *client, "get", f"/registry/secrets/{ground.namespace}/hidden", "--print-value-only"]
    stored = site.run_kubectl("exec", "--namespace=kube-system", member, "--", *read)
    hidden = stored.startswith(_ENCRYPTED) and ground.token not in stored
    return [Finding("encryption", f"Secret in {member}", hidden, _ENCRYPTED if hidden else f"begins with {stored[:24]!r}")]
