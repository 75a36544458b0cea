"""Values that the inventory check lets pass, chosen for what a template without quotes would make of them, arrive as they are."""

from __future__ import annotations

import json

import kubernetes_validate
import pytest
import yaml

from bootstrap.validators.declared import known
from bootstrap.validators.site import Site
from bootstrap.validators.values import check_values
from tests.render.rendering import BUNDLES
from tests.render.test_schema import OWN_GROUPS, VERSION

AWKWARD = {
    "platform_name": "v-1e3",
    "platform_domain": "1e3.0x1f",
    "platform_cluster_domain": "1e3.local",
    "platform_namespaces": {
        **{"app": "1-0", "ai": "1-0", "storage": "s-1e3", "messaging": "s-1e3", "monitoring": "0x-1"},
        **{"mesh": "mesh-1e3", "ingress": "in-gress", "certificates": "on-1", "restore": "s-1e3-no"},
    },
    "platform_config_overrides": {"LOG_LEVEL": '"it\'s" # {a: b} %n & *x: |'},
    "storage_path": "/srv/a.b+c-1_0/data",
    "containerd_proxy": {"http": "", "https": "http://svc:p%40ss@proxy.example.com:3128", "no_proxy": ".example.com, {a: b} #*"},
    "kubeadm_api_extra_args": {"audit-log-batch-max-size": 1000, "oidc-username-prefix": "oidc: #{%n}"},
    "kubeadm_api_extra_sans": ["1e3.example.com", "203.0.113.9"],
    "kubelet_eviction_hard": {"memory.available": "100Mi", "nodefs.available": "5%"},
    "node_labels_extra": {"example.com/1e3": "1e3", "on": "yes", "count": "10"},
    "rbac_operator_groups": ["oidc:admins@example.com", "on-call"],
    "minio_console_url": "https://u:p%23@console.example.com:8443/a%20b",
    **{
        f"{role}_backup_schedule": "*/5 0-3 1,15 * *"
        for role in ("elasticsearch", "faiss_service", "minio", "neo4j", "postgresql", "redis")
    },
    **{f"{role}_java_options": ["-Dx=a: b # {c} %d &e *f"] for role in ("elasticsearch", "kafka", "neo4j")},
}
# The inventory check refuses such hosts; a template that quotes them needs no such luck. 1e-3 is a number for Go alone.
HOSTS = {"control_plane": ["2026-01-31"], "workers": ["on", "0x1f", "1_000", "null", "1e-3"]}


@pytest.fixture(scope="module")
def awkward(make_site):
    """A site with all of them."""
    site = make_site("minimal").changed(**AWKWARD)
    before = site.value("{{ groups.nodes }}")
    for group, hosts in HOSTS.items():
        for host in hosts:
            site.add_node(host, group)
    for host in before:
        site.remove_node(host)
    return site


def test_the_inventory_check_lets_them_pass():
    options, shared = known()
    assert list(check_values(Site(AWKWARD, {}, {}, given={"site": AWKWARD}, options=options, shared=shared))) == []


@pytest.mark.parametrize("bundle", BUNDLES, ids=str)
def test_objects_follow_their_schema(awkward, bundle):
    for item in awkward.documents(bundle):
        if item["apiVersion"].split("/")[0] not in OWN_GROUPS:
            kubernetes_validate.validate(item, VERSION, strict=True)


def test_texts_arrive_in_the_objects_whole(awkward):
    text = json.dumps(awkward.objects, ensure_ascii=False)
    for values in (AWKWARD["platform_config_overrides"].values(), AWKWARD["kafka_java_options"], [AWKWARD["redis_backup_schedule"]]):
        for value in values:
            assert json.dumps(value, ensure_ascii=False)[1:-1] in text
    assert {item["spec"]["schedule"] for item in awkward.objects if item["kind"] == "CronJob" and "backup" in item["metadata"]["name"]} == {
        AWKWARD["redis_backup_schedule"]
    }


def test_kubeadm_reads_texts_as_texts(awkward):
    cluster, kubelet = yaml.safe_load_all(awkward.text("kubeadm", "kubeadm.yaml.j2"))
    arguments = {argument["name"]: argument["value"] for argument in cluster["apiServer"]["extraArgs"]}
    assert arguments["oidc-username-prefix"] == "oidc: #{%n}" and arguments["audit-log-batch-max-size"] == "1000"
    assert all(isinstance(value, str) for value in arguments.values())
    assert cluster["clusterName"] == "v-1e3" and cluster["networking"]["dnsDomain"] == "1e3.local"
    assert kubelet["kind"] == "KubeletConfiguration"


@pytest.mark.parametrize("host", [host for hosts in HOSTS.values() for host in hosts])
@pytest.mark.parametrize("template", ["init.yaml.j2", "join.yaml.j2"])
def test_kubeadm_reads_a_nodes_name_as_a_text(awkward, template, host):
    (document,) = (node for node in yaml.compose_all(awkward.text("kubeadm", template, host)))
    registration = next(value for key, value in document.value if key.value == "nodeRegistration")
    name = next(value for key, value in registration.value if key.value == "name")
    assert (name.value, name.style) == (host, '"'), "without quotes it is what Go makes of it"


def test_volumes_are_on_nodes_whose_names_are_texts(awkward):
    terms = [
        expression
        for item in awkward.objects
        if item["kind"] == "PersistentVolume"
        for term in item["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        for expression in term["matchExpressions"]
    ]
    assert {value for term in terms for value in term["values"]} <= {host for hosts in HOSTS.values() for host in hosts}


def test_the_proxy_keeps_its_password(awkward):
    lines = awkward.text("containerd", "proxy.env.j2", HOSTS["workers"][0]).splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert settings["HTTPS_PROXY"] == '"http://svc:p%40ss@proxy.example.com:3128"'
