"""What the cluster keeps: data over a pod's move, and secrets from whoever reads the disk."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.checks.base import Finding, Site, check
from bootstrap.checks.fixtures import Fixtures

_ETCD_PKI = "/etc/kubernetes/pki/etcd"
_ENCRYPTED = "k8s:enc:secretbox:v1:"


@check("storage", probing=True)
def storage(site: Site, fixtures: Fixtures) -> Iterable[Finding]:
    """A pod writes and is deleted; the next one finds the data."""
    claim = {"storageClassName": site.storage_class, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    fixtures.make({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim})
    fixtures.make(fixtures.pod("writer", ["sh", "-c", f"echo {fixtures.token} > /data/token && sync"], claim="data"))
    written = fixtures.await_pod("writer", "Succeeded")
    fixtures.delete("Pod", "writer")
    fixtures.make(fixtures.pod("reader", ["cat", "/data/token"], claim="data"))
    read = fixtures.await_pod("reader", "Succeeded")
    found = fixtures.log("reader")
    places = f"written on {written['spec']['nodeName']}, read on {read['spec']['nodeName']}"
    detail = places if found == fixtures.token else f"{places}: found {found!r}, wanted {fixtures.token!r}"
    yield Finding("storage", site.storage_class, found == fixtures.token, detail)


@check("encryption", probing=True)
def encryption(site: Site, fixtures: Fixtures) -> Iterable[Finding]:
    """A Secret's bytes in etcd are not its text."""
    fixtures.make({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": {"word": fixtures.token}})
    members = site.items("/api/v1/namespaces/kube-system/pods", labelSelector="component=etcd", fieldSelector="status.phase=Running")
    if not members:
        return [Finding("encryption", "etcd", False, "no etcd pod runs in kube-system")]
    member = members[0]["metadata"]["name"]
    client = [f"--cacert={_ETCD_PKI}/ca.crt", f"--cert={_ETCD_PKI}/healthcheck-client.crt", f"--key={_ETCD_PKI}/healthcheck-client.key"]
    read = ["etcdctl", *client, "get", f"/registry/secrets/{fixtures.namespace}/hidden", "--print-value-only"]
    stored = site.run_kubectl("exec", "--namespace=kube-system", member, "--", *read)
    hidden = stored.startswith(_ENCRYPTED) and fixtures.token not in stored
    return [Finding("encryption", f"Secret in {member}", hidden, _ENCRYPTED if hidden else f"begins with {stored[:24]!r}")]
