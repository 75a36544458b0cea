"""When certificates end, wherever the controller can see them, and whether a rotation of secrets was left unfinished."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from bootstrap.checks.base import Finding, Site, check
from bootstrap.secrets.pki import days_left

_DAY = 86400
_KUBELET_TTL = re.compile(r"^kubelet_certificate_manager_(client|server)_ttl_seconds (\S+)$", re.MULTILINE)


@check("certificates")
def certificates(site: Site, _fixtures: Any) -> Iterable[Finding]:
    """No certificate ends soon: of the vault, in Secrets, of the kubeconfig, of the API servers (the others of a control plane are renewed
    with that), of the kubelets, which renew their own late."""
    least, late = site.lives["fail_days"], site.lives["fail_kubelet_days"]
    yield _judged("vault", site.secret_days, least, "run site.yml, or rotate a CA by name")
    yield _judged("Secrets", dict(_in_secrets(site)), least, "run site.yml")
    yield _judged("kubeconfig", {site.kubeconfig: _of_kubeconfig(site.kubeconfig)}, least, "run playbooks/kubernetes.yml")
    port = int(site.api_address.rsplit(":", 1)[1])
    served = {name: days_left(ssl.get_server_certificate((site.nodes[name], port), timeout=10)) for name in site.control_plane}
    yield _judged("API servers", served, least, "see journalctl -u renew-certificates on the node")
    yield _judged("kubelets", dict(_of_kubelets(site)), late, "see journalctl -u kubelet on the node, and kubectl get csr")


@check("rotation")
def rotation(site: Site, _fixtures: Any) -> Iterable[Finding]:
    """Every secret has one value."""
    found = ", ".join(f"{name} is at {stage}" for name, stage in site.rotating.items())
    detail = f"{found}; finish it by playbooks/rotate-secrets.yml -e resume=true" if found else "no rotation is unfinished"
    yield Finding("rotation", "secrets", not found, detail)


def _judged(target: str, days: dict[str, int], least: float, remedy: str) -> Finding:
    ending = {name: left for name, left in days.items() if left < least}
    if not days:
        return Finding("certificates", target, False, "found none")
    if ending:
        found = ", ".join(f"{name} in {left} days" for name, left in sorted(ending.items()))
        return Finding("certificates", target, False, f"ends: {found}; wanted {least:.0f} or more: {remedy}")
    first = min(days, key=lambda name: days[name])
    return Finding("certificates", target, True, f"{len(days)}, the first ends in {days[first]} days: {first}")


def _in_secrets(site: Site) -> Iterator[tuple[str, int]]:
    for item in site.items("/api/v1/secrets", fieldSelector="type!=helm.sh/release.v1"):
        for key, value in (item.get("data") or {}).items():
            if key.endswith(".crt"):
                meta = item["metadata"]
                yield f"{meta['namespace']}/{meta['name']}:{key}", days_left(base64.b64decode(value).decode())


def _of_kubeconfig(path: str) -> int:
    user = yaml.safe_load(Path(path).read_text())["users"][0]["user"]
    return days_left(base64.b64decode(user["client-certificate-data"]).decode())


def _of_kubelets(site: Site) -> Iterator[tuple[str, int]]:
    for node in site.nodes:
        metrics = site.run_kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics")
        for kind, seconds in _KUBELET_TTL.findall(metrics):
            if (left := float(seconds)) != float("inf"):  # the kubelet has no such certificate
                yield f"{node} ({kind})", int(left // _DAY)
