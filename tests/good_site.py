"""A site that the inventory check finds nothing wrong with, for tests to change."""

from __future__ import annotations

import copy

from bootstrap.validators.declared import known
from bootstrap.validators.site import Site

KNOWN = known()
KUBERNETES = {"component": "kubernetes", "path": "dl.k8s.io/{version}", "sha256": {"1.36.4": {"amd64": "0" * 64, "arm64": "1" * 64}}}
API_SERVER = {"component": "kubernetes", "repository": "registry.k8s.io/x", "tag": "v{version}", "digest": {"v1.36.4": "sha256:2"}}
VARIABLES = {
    "platform_size": "minimal",
    "sizing_classes": {"lab": {}, "minimal": {}},
    "deploy_mode": "full",
    "deploy_modes": {"full": ["minio", "redis"], "small": ["redis"]},
    "deploy_components": ["minio", "redis"],
    "platform_node_cidr": "10.0.0.0/24",
    "platform_pod_cidr": "10.244.0.0/16",
    "platform_service_cidr": "10.96.0.0/16",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
    "firewall_ssh_from": ["10.0.0.0/8"],
    "firewall_api_from": ["10.0.0.0/8"],
    "minio_backup_s3": {},
    "artifacts_source": "upstream",
    "artifacts_versions": {"kubernetes": "1.36.4"},
    "artifacts_files": {"kubeadm": KUBERNETES},
    "artifacts_images": {"kube_apiserver": API_SERVER},
}


def site(hosts=("cp-1", "cp-2", "cp-3", "worker-1"), removed=None, secrets_error="", **changes):
    """A good site with three control planes and a worker, changed by the keywords."""
    variables = copy.deepcopy(VARIABLES) | changes
    nodes = {host: {"ansible_host": f"10.0.0.{number}"} for number, host in enumerate(hosts, start=11)}
    groups = {
        "nodes": list(nodes),
        "control_plane": [host for host in nodes if host.startswith("cp")],
        "workers": [host for host in nodes if not host.startswith("cp")],
    }
    return Site(variables, nodes, groups, removed or {}, secrets_error, {"site": variables, **nodes}, (), *KNOWN)


def with_host(host, **variables):
    """A good site in which one host has other variables."""
    changed = site()
    changed.hosts[host].update(variables)
    return changed


def only(findings):
    """The single finding there must be."""
    assert len(findings) == 1, findings
    return findings[0]
