"""What the groups may do, asked from the API server, and the accounts of the services."""

import json

import pytest

OPERATOR, VIEWER = "voicehelper-operators", "voicehelper-viewers"


def may(kubectl, group, what):
    """The API server's answer for a member of the group."""
    answer = kubectl(f"auth can-i {what} --as somebody --as-group {group} || test $? = 1")  # 1 is a no, and a server that does not answer
    assert answer.startswith(("yes", "no")), answer
    return answer.startswith("yes")


def refused(kubectl, item):
    """Why the API server would not let an operator make this."""
    dry = f"create --dry-run=server --as somebody --as-group {OPERATOR} --filename -"
    with pytest.raises(AssertionError) as error:
        kubectl(f"{dry} <<'END'\n{json.dumps(item)}\nEND")
    return str(error.value)


@pytest.mark.parametrize("group", [OPERATOR, VIEWER])
@pytest.mark.parametrize("what", ["get pods -A", "get nodes", "get persistentvolumes", "list ingresses.networking.k8s.io -A"])
def test_both_read(kubectl, group, what):
    assert may(kubectl, group, what)


@pytest.mark.parametrize("group", [OPERATOR, VIEWER])
@pytest.mark.parametrize("what", ["get secrets -n voicehelper", "create rolebindings -n voicehelper", "delete namespaces", "patch nodes"])
def test_neither_may(kubectl, group, what):
    assert not may(kubectl, group, what)


@pytest.mark.parametrize(
    "what",
    [
        "create pods/exec -n voicehelper-storage",
        "create pods/portforward -n voicehelper-storage",
        "patch deployments.apps/scale -n voicehelper",
        "patch deployments.apps -n voicehelper",
        "patch configmaps -n voicehelper",
    ],
)
def test_an_operator_runs_the_workloads(kubectl, what):
    assert may(kubectl, OPERATOR, what)
    assert not may(kubectl, VIEWER, what)


@pytest.mark.parametrize("namespace", ["kube-system", "voicehelper-monitoring"])
@pytest.mark.parametrize("what", ["patch deployments.apps", "create pods", "create pods/exec", "update pods/ephemeralcontainers"])
def test_an_operator_stays_where_pods_are_restricted(kubectl, namespace, what):
    assert not may(kubectl, OPERATOR, f"{what} -n {namespace}")


@pytest.mark.parametrize("namespace", ["voicehelper", "voicehelper-storage", "voicehelper-monitoring"])
def test_an_operator_makes_no_pod_that_reads_a_nodes_keys(kubectl, namespace):
    container = {"name": "main", "image": "example.org/main:1", "volumeMounts": [{"name": "keys", "mountPath": "/keys"}]}
    spec = {"containers": [container], "volumes": [{"name": "keys", "hostPath": {"path": "/etc/kubernetes/pki"}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "keys", "namespace": namespace}, "spec": spec}
    answer = refused(kubectl, pod)
    assert "violates PodSecurity" in answer or "cannot create resource" in answer


def test_an_operators_service_takes_no_address_of_the_network(kubectl):
    spec = {"selector": {"app": "x"}, "ports": [{"port": 6443}], "externalIPs": ["192.0.2.1"]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "taken", "namespace": "voicehelper"}, "spec": spec}
    assert "Use of external IPs is denied" in refused(kubectl, service)


@pytest.mark.parametrize(
    "account", ["voicehelper/gateway", "voicehelper/bge-service", "voicehelper-storage/redis", "voicehelper-storage/kafka"]
)
def test_accounts_have_no_token(objects, account):
    namespace, name = account.split("/")
    assert objects(f"serviceaccount {name} --namespace {namespace}")["automountServiceAccountToken"] is False
