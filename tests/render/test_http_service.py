"""A stateless service is nine lines of data, and what the macro makes of them serves, scales and lets in nobody else."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.render.rendering import Bundle
from tests.render.test_schema import VERSION
from tests.render.workloads import containers, of_kind, pod, selects, template

SERVICE = """
{% import 'workload.j2' as w with context %}
{{ w.http_service({
     'name': 'echo', 'namespace': platform_namespaces.app, 'image': lookup('image', 'toolbox'),
     'ports': {'http': 8080, 'metrics': 9090}, 'replicas': REPLICAS,
     'size': {'cpu_request': '50m', 'memory_request': '64Mi', 'memory_limit': '128Mi'}, 'uses': ['postgresql', 'redis'],
     'callers': [platform_namespaces.ingress], 'probes': {'ready': '/ready', 'alive': '/alive'},
     'env': {'LEVEL': 'info', 'WORKERS': 2, 'PASSWORD': ['postgres-credentials', 'application-password']},
     'mounts': {'/etc/echo.d': {'configMap': {'name': 'echo'}}}, 'rolls': {'configuration': {'a': 1}}}) }}
"""


@pytest.fixture
def render(site, tmp_path):
    """The service's objects on each site in turn, by how many replicas it has."""

    def objects(replicas):
        path = tmp_path / f"{replicas[0]}-{replicas[1]}.yml.j2"
        path.write_text(SERVICE.replace("REPLICAS", str(replicas)))
        return site.documents(Bundle("toolbox", path.stem, path, {}))

    return objects


@pytest.mark.parametrize("replicas", [[2, 6], [3, 3], [1, 1]], ids=str)
def test_objects_follow_their_schema(render, replicas):
    objects = render(replicas)
    for item in objects:
        kubernetes_validate.validate(item, VERSION, strict=True)
    kinds = {"ServiceAccount", "Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}
    assert {item["kind"] for item in objects} == kinds


def test_an_autoscaler_alone_counts_the_pods(render):
    """Also where least and most are one: an autoscaler from before would go on to count otherwise."""
    for replicas in ([2, 6], [3, 3]):
        objects = render(replicas)
        (scaler,), (deployment,) = of_kind(objects, "HorizontalPodAutoscaler"), of_kind(objects, "Deployment")
        assert [scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]] == replicas
        assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "echo"}
        assert "replicas" not in deployment["spec"]


def test_service_budget_and_spread_mean_its_pods(render):
    objects = render([2, 6])
    (deployment,), (service,), (budget,) = (of_kind(objects, kind) for kind in ("Deployment", "Service", "PodDisruptionBudget"))
    labels = template(deployment)["metadata"]["labels"]
    assert all(selects(chosen, labels) for chosen in (service["spec"]["selector"], budget["spec"]["selector"]["matchLabels"]))
    constraints = pod(deployment)["topologySpreadConstraints"]
    assert [c["topologyKey"] for c in constraints] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(selects(c["labelSelector"]["matchLabels"], labels) for c in constraints)
    assert [port["port"] for port in service["spec"]["ports"]] == [8080, 9090]


def test_it_reaches_what_it_uses_and_is_reached_by_its_callers(site, render):
    objects = render([2, 6])
    domain, spaces = site.value("{{ platform_domain }}"), site.value("{{ platform_namespaces }}")
    (deployment,), policies = of_kind(objects, "Deployment"), of_kind(objects, "NetworkPolicy")
    labels = template(deployment)["metadata"]["labels"]
    for system in ("postgresql", "redis"):  # by these labels the systems' own policies let it out and in
        assert labels[f"{domain}/access-{system}"] == "true"
    own = next(p for p in policies if p["metadata"]["name"] == "echo")
    assert selects(own["spec"]["podSelector"]["matchLabels"], labels)
    callers, monitoring = own["spec"]["ingress"]
    assert callers["ports"] == [{"port": 8080, "protocol": "TCP"}] and monitoring["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert callers["from"] == [
        {"podSelector": {"matchLabels": {f"{domain}/access-echo": "true"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": spaces["ingress"]}}},
    ]
    ways_out = {p["metadata"]["namespace"] for p in policies if p["metadata"]["name"] == "access-echo"}
    assert ways_out == {spaces["app"], spaces["ingress"]}


def test_its_pods_run_with_the_least_rights_and_are_probed(render):
    (deployment,) = of_kind(render([2, 6]), "Deployment")
    assert pod(deployment)["securityContext"]["runAsNonRoot"] is True and pod(deployment)["automountServiceAccountToken"] is False
    (container,) = containers(deployment)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    asked = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert asked == {"startup": "/alive", "readiness": "/ready", "liveness": "/alive"}
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    assert env["WORKERS"] == "2" and env["PASSWORD"] == {"secretKeyRef": {"name": "postgres-credentials", "key": "application-password"}}
    mounts = {mount["mountPath"]: (mount["name"], mount["readOnly"]) for mount in container["volumeMounts"]}
    assert mounts == {"/etc/echo.d": ("etc-echo-d", True), "/tls": ("tls", True), "/tmp": ("tmp", False)}
    assert {volume["name"] for volume in pod(deployment)["volumes"]} == {name for name, _ in mounts.values()}
