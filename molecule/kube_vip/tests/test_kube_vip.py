"""The API's virtual address: one control plane holds it, and the API answers there."""

import json

import pytest
import testinfra
from reach import hosts


@pytest.fixture(scope="module")
def api_address(kubectl):
    server = kubectl("config view --minify --output jsonpath={.clusters[0].cluster.server}")
    return server.removeprefix("https://").split(":")[0]


def test_the_api_answers_there(kubectl):
    assert kubectl("get --raw /readyz") == "ok"


def test_exactly_one_control_plane_holds_it(api_address):
    holders = []
    for uri in hosts("control_plane"):
        found = json.loads(testinfra.get_host(uri).check_output("ip -json address"))
        holders += [uri for link in found for entry in link["addr_info"] if entry["local"] == api_address]
    assert len(holders) == 1


def test_it_runs_on_every_control_plane(objects):
    pods = [pod for pod in objects("pods --namespace kube-system") if pod["metadata"]["name"].startswith("kube-vip-")]
    assert len(pods) == len(hosts("control_plane"))
    assert all(c["ready"] for pod in pods for c in pod["status"]["containerStatuses"])


def test_a_lease_names_the_holder(objects):
    lease = objects("lease plndr-cp-lock --namespace kube-system")
    assert lease["spec"]["holderIdentity"] in {node["metadata"]["name"] for node in objects("nodes")}
