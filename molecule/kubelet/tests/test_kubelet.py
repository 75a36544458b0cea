"""The kubelets as the API knows them: the version that runs and the settings in force."""

import json

import pytest
from reach import VERSIONS, addresses


@pytest.fixture(scope="module")
def configz(kubectl):
    return lambda node: json.loads(kubectl(f"get --raw /api/v1/nodes/{node}/proxy/configz"))["kubeletconfig"]


@pytest.mark.parametrize("node", addresses())
def test_running_version_and_state(objects, node):
    status = objects(f"node {node}")["status"]
    assert status["nodeInfo"]["kubeletVersion"] == f"v{VERSIONS['kubernetes']}"
    assert status["nodeInfo"]["containerRuntimeVersion"].removeprefix("containerd://").removeprefix("v") == str(VERSIONS["containerd"])
    assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "True"


@pytest.mark.parametrize(("node", "address"), addresses().items())
def test_the_address_is_that_of_the_inventory(objects, node, address):
    found = {entry["type"]: entry["address"] for entry in objects(f"node {node}")["status"]["addresses"]}
    assert found["InternalIP"] == address


@pytest.mark.parametrize("node", addresses())
def test_settings_in_force(configz, node):
    settings = configz(node)
    assert settings["serverTLSBootstrap"] and settings["rotateCertificates"]
    assert settings["authentication"]["anonymous"]["enabled"] is False
    assert settings["authorization"]["mode"] == "Webhook"
    assert settings.get("readOnlyPort", 0) == 0
    assert settings["shutdownGracePeriod"] != "0s"
    assert settings["crashLoopBackOff"]["maxContainerRestartPeriod"] == "1m0s"
    assert (settings["podPidsLimit"], settings["seccompDefault"]) == (4096, True)
    assert all("_GCM_" in suite or "_POLY1305" in suite for suite in settings["tlsCipherSuites"])
    assert {"memory.available", "nodefs.available", "imagefs.available"} <= set(settings["evictionHard"])


@pytest.mark.parametrize("node", addresses())
def test_logs_pass_through_its_signed_certificate(kubectl, objects, node):
    pods = objects(f"pods --namespace kube-system --field-selector spec.nodeName={node},status.phase=Running")
    assert kubectl(f"logs --namespace kube-system {pods[0]['metadata']['name']} --all-containers --tail=1") is not None
