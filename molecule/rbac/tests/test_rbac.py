"""What the groups may do, asked from the API server, and the accounts of the services."""

import pytest

OPERATOR, VIEWER = "voicehelper-operators", "voicehelper-viewers"


def may(host, kubectl, group, what):
    """The API server's answer for a member of the group."""
    try:
        return kubectl(f"auth can-i {what} --as somebody --as-group {group}") == "yes"
    except AssertionError:  # "no" comes with exit status 1
        return False


@pytest.mark.parametrize("group", [OPERATOR, VIEWER])
@pytest.mark.parametrize("what", ["get pods -A", "get nodes", "get persistentvolumes", "list ingresses.networking.k8s.io -A"])
def test_both_read(host, kubectl, group, what):
    assert may(host, kubectl, group, what)


@pytest.mark.parametrize("group", [OPERATOR, VIEWER])
@pytest.mark.parametrize("what", ["get secrets -n voicehelper", "create rolebindings -n voicehelper", "delete namespaces", "patch nodes"])
def test_neither_may(host, kubectl, group, what):
    assert not may(host, kubectl, group, what)


@pytest.mark.parametrize(
    "what",
    [
        "create pods/exec -n voicehelper-storage",
        "create pods/portforward -n voicehelper-monitoring",
        "patch deployments.apps/scale -n voicehelper",
        "patch deployments.apps -n voicehelper",
        "patch configmaps -n voicehelper",
    ],
)
def test_an_operator_runs_the_workloads(host, kubectl, what):
    assert may(host, kubectl, OPERATOR, what)
    assert not may(host, kubectl, VIEWER, what)


def test_an_operator_stays_in_the_platform(host, kubectl):
    assert not may(host, kubectl, OPERATOR, "patch deployments.apps -n kube-system")


@pytest.mark.parametrize(
    "account", ["voicehelper/gateway", "voicehelper/bge-service", "voicehelper-storage/redis", "voicehelper-storage/kafka"]
)
def test_accounts_have_no_token(objects, account):
    namespace, name = account.split("/")
    assert objects(f"serviceaccount {name} --namespace {namespace}")["automountServiceAccountToken"] is False
