"""What a node is to the cluster, read from its files and asked of the API with the node's own credential."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

KUBERNETES = Path("/etc/kubernetes")
STAMP = Path("/var/lib/voicehelper/kubeadm-member.json")
ETCD_DATA = Path("/var/lib/etcd/member")
CREDENTIAL = Path("/var/lib/kubelet/pki/kubelet-client-current.pem")
TRACES = ("kubelet.conf", "bootstrap-kubelet.conf", "admin.conf", "manifests/kube-apiserver.yaml", "manifests/etcd.yaml")
SECONDS = 5  # for one answer
IMMUTABLE = {  # what a cluster keeps for life: by the variable of the inventory, the file of a control plane that says it, and where
    "platform_api_vip": (KUBERNETES / "admin.conf", re.compile(r"server: https://(\S+)")),
    "platform_pod_cidr": (KUBERNETES / "manifests/kube-controller-manager.yaml", re.compile(r"--cluster-cidr=(\S+)")),
    "platform_service_cidr": (KUBERNETES / "manifests/kube-apiserver.yaml", re.compile(r"--service-cluster-ip-range=(\S+)")),
    "platform_cluster_domain": (Path("/var/lib/kubelet/config.yaml"), re.compile(r"^clusterDomain: (\S+)", re.MULTILINE)),
}
# Of several keys or certificates in a file, the first is the one that encrypts or signs.
_IN_FORCE = re.compile(r'secret: "([^"]+)"|(-----BEGIN.+?-----END[^\n]+)', re.DOTALL)
_SERVER = re.compile(r"server: (https://\S+)")


def fingerprint(text: str) -> str:
    """SHA-256 of a secret's text in hex; of several keys or certificates, that of the one in force."""
    found = _IN_FORCE.search(text)
    return hashlib.sha256((found.group(found.lastindex) if found else text).strip().encode()).hexdigest()


def fingerprints(paths: dict[str, str], stage: str) -> dict[str, str]:
    """Fingerprints of the secrets that lie in these files, by their name; what a reset left of a cluster that is gone does not count."""
    there = {name: Path(path) for name, path in paths.items() if Path(path).is_file()}
    return {name: fingerprint(path.read_text()) for name, path in there.items() if stage != "absent" or KUBERNETES not in path.parents}


def immutable_differs(wanted: dict[str, str]) -> dict[str, str]:
    """By variable, what a member's files say and what is wanted, where these differ; a file that is missing says nothing."""
    there = {name: IMMUTABLE[name][1].search(IMMUTABLE[name][0].read_text()) for name in wanted if IMMUTABLE[name][0].is_file()}
    found = {name: match.group(1) for name, match in there.items() if match}
    return {name: f"found {text} in force, wanted {wanted[name]}" for name, text in found.items() if text != wanted[name]}


def stamp() -> dict:
    """What the last finished change left; empty where there is none or a power cut spoiled it."""
    try:
        found = json.loads(STAMP.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def stage(name: str, address: str, port: int) -> str:
    """What the node is: absent, partial (cut off on the way) or member.

    A node without a stamp is a member all the same when it serves as one: it must never be reset.
    """
    if STAMP.exists():
        return "member"
    if ETCD_DATA.exists() or any((KUBERNETES / trace).exists() for trace in TRACES):
        return "member" if serves(name, address, port) else "partial"
    return "absent"


def serves(name: str, address: str, port: int) -> bool:
    """Whether the API knows this node as ready and, where it has an API server of its own, that one is ready too."""
    try:
        server = _SERVER.search((KUBERNETES / "kubelet.conf").read_text()).group(1)
        status, text = ask(f"{server}/api/v1/nodes/{name}", CREDENTIAL)
        conditions = json.loads(text)["status"]["conditions"] if status == 200 else []
        ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
        alone = not (KUBERNETES / "manifests/kube-apiserver.yaml").exists()
        return ready and (alone or ask(f"https://{address}:{port}/readyz")[0] == 200)
    except (OSError, AttributeError, http.client.HTTPException, ValueError, KeyError):
        return False


def ask(url: str, credential: Path | None = None) -> tuple[int, str]:
    """Status and text of an answer of a part of this cluster, by no proxy. Raises OSError or HTTPException where none comes."""
    place = urlsplit(url)
    if place.scheme == "http":
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=SECONDS)
    else:
        context = ssl.create_default_context(cafile=str(KUBERNETES / "pki/ca.crt"))
        if place.hostname == "127.0.0.1":  # these sign for themselves
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if credential:
            context.load_cert_chain(credential)
        connection = http.client.HTTPSConnection(place.hostname, place.port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", place.path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
