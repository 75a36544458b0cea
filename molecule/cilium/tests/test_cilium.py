"""The network that runs: the agents' own word, and what they serve."""

import json

import pytest
from reach import VERSIONS, addresses


@pytest.fixture(scope="module")
def agents(objects):
    pods = objects("pods --namespace kube-system --selector k8s-app=cilium --field-selector status.phase=Running")
    return {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in pods}


@pytest.fixture(scope="module")
def status(kubectl, agents):
    found = {}

    def ask(node):
        if node not in found:
            found[node] = json.loads(
                kubectl(f"exec --namespace kube-system {agents[node]} -c cilium-agent -- cilium-dbg status --output json")
            )
        return found[node]

    return ask


def test_an_agent_runs_on_every_node(agents):
    assert set(agents) == set(addresses())


@pytest.mark.parametrize("node", addresses())
def test_the_running_agent_is_well(status, node):
    state = status(node)["cilium"]
    assert state["state"] == "Ok", state


def test_the_running_agents_are_of_the_wanted_version(objects):
    pods = objects("pods --namespace kube-system --selector k8s-app=cilium")
    images = {container["image"].split("@")[0] for pod in pods for container in pod["spec"]["containers"]}
    assert {image.rsplit(":", 1)[1] for image in images} == {f"v{VERSIONS['cilium']}"}


@pytest.mark.parametrize("node", addresses())
def test_it_replaces_kube_proxy(status, objects, node):
    assert status(node)["kube-proxy-replacement"]["mode"].lower() == "true"
    assert not objects("daemonsets --namespace kube-system --selector k8s-app=kube-proxy")


@pytest.mark.parametrize("node", addresses())
def test_it_reaches_the_api_by_the_virtual_address(status, kubectl, node):
    server = kubectl("config view --minify --output jsonpath={.clusters[0].cluster.server}")
    assert status(node)["kubernetes"]["state"] == "Ok"
    assert server.split("//")[1].split(":")[0]


def test_addresses_are_given_from_the_sites_pool(objects):
    (pool,) = objects("ciliumloadbalancerippools.cilium.io")
    conditions = {item["type"]: item["status"] for item in pool["status"]["conditions"]}
    assert conditions.get("cilium.io/PoolConflict") == "False"
    (policy,) = objects("ciliuml2announcementpolicies.cilium.io")
    assert policy["spec"]["loadBalancerIPs"] and not policy["spec"]["externalIPs"]


def test_names_are_served(objects):
    deployment = objects("deployment coredns --namespace kube-system")
    assert deployment["status"]["availableReplicas"] == deployment["spec"]["replicas"]
