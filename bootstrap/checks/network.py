"""The network as pods and outsiders meet it."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bootstrap.checks.base import POLL_SECONDS, Finding, Site, check
from bootstrap.checks.fixtures import GUARDED, OPEN, Fixtures, probes

_KUBELET_PORT = 10250
_WIREGUARD_KEY = "network.cilium.io/wg-pub-key"
_SILENCE_SECONDS = 3.0  # a packet that is dropped is answered by nobody


def _probed(name: str) -> None:
    check(name, probing=True)(lambda _site, fixtures: fixtures.findings(name))


@probes("dns")
def dns(fixtures: Fixtures, _pod: str) -> Iterable[dict[str, Any]]:
    """The API's name, and a service's in short and in full."""
    domain = fixtures.site.cluster_domain
    service = fixtures.get("Service", "probe")["spec"]["clusterIP"]
    for name, address in {
        f"kubernetes.default.svc.{domain}": "",
        "probe": service,
        f"probe.{fixtures.namespace}.svc.{domain}": service,
    }.items():
        yield {"target": name, "kind": "dns", "with": {"name": name, "address": address}}


@probes("pod_to_pod")
def pod_to_pod(fixtures: Fixtures, pod: str) -> Iterable[dict[str, Any]]:
    """Every other probe pod by its address, on whatever node it is."""
    for name, address in fixtures.addresses.items():
        if name != pod:
            yield {"target": fixtures.pods[name], "kind": "http", "with": {"url": f"http://{address}:{OPEN}/", "contains": name}}


@probes("service")
def service(fixtures: Fixtures, _pod: str) -> Iterable[dict[str, Any]]:
    """A service by its name."""
    yield {"target": "http://probe/", "kind": "http", "with": {"url": "http://probe/", "contains": "probe-"}}


@probes("network_policy")
def network_policy(fixtures: Fixtures, pod: str) -> Iterable[dict[str, Any]]:
    """The guarded port answers the admitted pod and is closed to all others."""
    for name, address in fixtures.addresses.items():
        if name == pod:
            continue
        if pod == fixtures.admitted:
            yield {
                "target": f"{fixtures.pods[name]} (admitted)",
                "kind": "http",
                "with": {"url": f"http://{address}:{GUARDED}/", "contains": name},
            }
        else:
            yield {"target": f"{fixtures.pods[name]} (stranger)", "kind": "no_way", "with": {"host": address, "port": GUARDED}}


@probes("kubelet_certificate")
def kubelet_certificate(fixtures: Fixtures, pod: str) -> Iterable[dict[str, Any]]:
    """The kubelets show certificates that the cluster's CA has signed."""
    if pod == fixtures.admitted:
        for name, address in fixtures.site.nodes.items():
            order = {"host": address, "port": _KUBELET_PORT, "ca": fixtures.site.ca}
            yield {"target": name, "kind": "tls", "with": order}


for _name in ("dns", "pod_to_pod", "service", "network_policy", "kubelet_certificate"):
    _probed(_name)


@check("default_deny")
def default_deny(site: Site, _fixtures: Fixtures) -> Iterable[Finding]:
    """In every namespace of the platform and of Kubernetes one policy refuses what no other allows, both ways."""
    denied = {
        policy["metadata"]["namespace"]
        for policy in site.items("/apis/networking.k8s.io/v1/networkpolicies")
        if policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    spaces = [space["metadata"]["name"] for space in site.items("/api/v1/namespaces", labelSelector=f"!{site.label}")]
    for name in sorted(set(site.guarded).intersection(spaces)):
        yield Finding("default_deny", name, name in denied, "both ways" if name in denied else "no policy denies all that no other allows")


@check("pod_encryption")
def pod_encryption(site: Site, _fixtures: Fixtures) -> Iterable[Finding]:
    """Every node has a key by which the others encrypt what goes to it, or the site has said that it does without."""
    if site.pod_encryption == "none":
        yield Finding("pod_encryption", "nodes", True, "none, as the site says: the nodes' network is trusted")
        return
    nodes = {item["metadata"]["name"]: item["metadata"].get("annotations", {}) for item in site.items("/apis/cilium.io/v2/ciliumnodes")}
    for name in site.nodes:
        key = nodes.get(name, {}).get(_WIREGUARD_KEY)
        yield Finding("pod_encryption", name, bool(key), f"wireguard, key {key}" if key else "no key of wireguard")


@check("load_balancer", probing=True)
def load_balancer(site: Site, fixtures: Fixtures) -> Iterable[Finding]:
    """A service's outside address answers this very machine."""
    error, address = "has no address", ""
    while time.monotonic() < site.deadline:
        entries = fixtures.get("Service", "front")["status"].get("loadBalancer", {}).get("ingress") or [{}]
        address = entries[0].get("ip", "")
        if address:
            try:
                with urllib.request.urlopen(f"http://{address}/", timeout=2) as answer:
                    return [Finding("load_balancer", address, True, f"answers {answer.read().decode()}")]
            except OSError as fault:
                error = str(fault)
        time.sleep(POLL_SECONDS)
    return [Finding("load_balancer", address or "front", False, error)]


@check("packet_filter")
def packet_filter(site: Site, _fixtures: Any) -> Iterable[Finding]:
    """The port of the kubelet, which is for nodes and pods alone, gives this machine no answer, not even a refusal."""
    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(lambda node: _silent(site, *node), site.nodes.items()))


def _silent(site: Site, name: str, address: str) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((address, _KUBELET_PORT))
        ours = route.getsockname()[0]
    if ours in site.nodes.values():
        return Finding("packet_filter", name, True, f"asked from {ours}, a node, which may come in")
    try:
        socket.create_connection((address, _KUBELET_PORT), timeout=_SILENCE_SECONDS).close()
    except ConnectionRefusedError:
        answer = "refuses"
    except OSError as silence:
        return Finding("packet_filter", name, True, f"port {_KUBELET_PORT} for {ours}: {silence}")
    else:
        answer = "lets in"
    return Finding("packet_filter", name, False, f"port {_KUBELET_PORT} {answer} {ours}: no packet filter is in force")
