"""A site fits its machines: every pod finds a node, and no namespace claims more than it may."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.render.fleet import GIB, limits, machines, pods
from tests.render.packing import Node, Pod, pack, quantity
from tests.render.rendering import SITES as ALL_SITES

# A lab's class says what a host must have at least, and its nodes share one machine; it proves by running that it fits.
SITES = ["minimal", "recommended", "prod"]
SPARE = ["recommended", "prod"]  # more machines than a system has members


@pytest.fixture(scope="module", params=SITES)
def fleet(request, make_site):
    site = make_site(request.param)
    nodes = machines(site)
    return site, nodes, list(pods(site, nodes))


def told(homeless, nodes):
    """What found no place, and how full the machines are."""
    lines = [f"{pod.name}: {pod.requests['cpu']:.2f} cores, {pod.requests['memory'] / GIB:.2f} GiB" for pod in homeless]
    for node in nodes:
        parts = [f"{what} {node.taken(what):.4g} of {most:.4g}" for what, most in node.allocatable.items()]
        lines.append(f"{node.name}: {', '.join(parts)}")
    return "\n".join(lines)


def test_every_pod_finds_a_machine(fleet):
    _, nodes, wanted = fleet
    homeless = pack(wanted, nodes)
    assert not homeless, told(homeless, nodes)
    assert sum(len(node.pods) for node in nodes) == len(wanted) > 0
    for node in nodes:
        assert all(node.taken(what) <= most for what, most in node.allocatable.items()), told([], nodes)


@pytest.mark.parametrize("name", SPARE)
def test_every_pod_finds_a_machine_when_any_one_is_lost(make_site, name):
    site = make_site(name)
    for lost in site.value("{{ platform_workload_nodes }}"):
        nodes = [node for node in machines(site) if node.name != lost]
        homeless = pack(pods(site, nodes), nodes)
        assert not homeless, f"without {lost}\n{told(homeless, nodes)}"


def quotas(site):
    found = {item["metadata"]["namespace"]: item["spec"]["hard"] for item in site.objects if item["kind"] == "ResourceQuota"}
    assert found
    return found


def beyond(hard, wanted):
    """What pods claim beyond their namespaces' quotas."""
    claimed = defaultdict(lambda: defaultdict(float))
    for pod in wanted:
        sums = claimed[pod.namespace]
        sums["pods"] += 1
        sums["requests.cpu"] += pod.requests["cpu"]
        sums["requests.memory"] += pod.requests["memory"]
        sums["requests.storage"] += pod.requests["disk"]
        if pod.spec.get("containers") and pod.namespace.startswith("voicehelper"):
            sums["limits.memory"] += limits(pod)
    sums = [(name, what, claimed[name][what], most) for name, quota in hard.items() for what, most in quota.items()]
    return [f"{name}: {what} {used:.4g} of {most}" for name, what, used, most in sums if used > quantity(most)]


def test_no_namespace_claims_more_than_its_quota(fleet):
    site, _, wanted = fleet
    assert not beyond(quotas(site), wanted)


@pytest.mark.parametrize("name", ALL_SITES)
def test_every_autoscaler_may_choose_its_most(make_site, name):
    site = make_site(name)
    scaled = {item["metadata"]["namespace"] for item in site.objects if item["kind"] == "HorizontalPodAutoscaler"}
    hard = {space: quota for space, quota in quotas(site).items() if space in scaled}
    assert hard and not beyond(hard, pods(site, machines(site), grown=True))


def node(name, cpu=4.0, taints=()):
    return Node(name, {"cpu": cpu, "memory": 8.0, "disk": 8.0, "pods": 9}, {"kubernetes.io/hostname": name}, list(taints))


def pod(name, cpu=1.0, **spec):
    return Pod(name, "n", {"app": "a"}, spec, {"cpu": cpu, "memory": 1.0, "disk": 0.0, "pods": 1})


def test_a_pod_that_is_too_big_is_found():
    assert [p.name for p in pack([pod("small"), pod("big", cpu=5)], [node("one")])] == ["big"]


def test_what_must_stay_apart_does():
    terms = [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "a"}}}]
    apart = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
    assert len(pack([pod(str(number), **apart) for number in range(3)], [node("one"), node("two")])) == 1


def test_a_spread_is_even():
    rule = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    spread = {"topologySpreadConstraints": [{**rule, "labelSelector": {"matchLabels": {"app": "a"}}}]}
    nodes = [node("one", cpu=9), node("two", cpu=1)]
    assert len(pack([pod(str(number), **spread) for number in range(4)], nodes)) == 1
    assert [len(each.pods) for each in nodes] == [2, 1]


def test_a_taint_keeps_pods_away():
    assert pack([pod("plain")], [node("one", taints=["key"])])
    assert not pack([pod("tolerant", tolerations=[{"key": "key", "operator": "Exists"}])], [node("one", taints=["key"])])
