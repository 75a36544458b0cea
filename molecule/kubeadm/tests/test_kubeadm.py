"""The control plane that kubeadm made, as it answers."""

import datetime
import http.client
import json
import ssl

import pytest
from cryptography import x509
from reach import VERSIONS, addresses, hosts

testinfra_hosts = hosts("control_plane")
CERTIFICATE_DAYS = 300


@pytest.fixture(scope="module")
def address(host):
    return host.backend.hostname


def ask(address, path):
    connection = http.client.HTTPSConnection(address, 6443, context=ssl._create_unverified_context(), timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


def running(host, name):
    """Command line of a static pod's process."""
    pid = host.check_output(f"pgrep -o -x {name}")
    return host.check_output(f"tr '\\0' '\\n' < /proc/{pid}/cmdline").splitlines()


def test_the_running_api_has_the_wanted_version(kubectl_on):
    version = json.loads(kubectl_on("get --raw /version"))
    assert version["gitVersion"] == f"v{VERSIONS['kubernetes']}"


@pytest.fixture(scope="module")
def kubectl_on(host):
    return lambda arguments: host.check_output(f"/usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf {arguments}")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
def test_anyone_may_ask_for_its_health(address, path):
    assert ask(address, path) == 200


@pytest.mark.parametrize("path", ["/api", "/version", "/api/v1/namespaces", "/metrics", "/debug/pprof/"])
def test_strangers_learn_nothing_else(address, path):
    assert ask(address, path) in (401, 403)


@pytest.mark.parametrize("name", ["kube-apiserver", "kube-controller", "kube-scheduler"])
def test_profiling_is_off(host, name):
    assert "--profiling=false" in running(host, name)


def test_every_member_of_etcd_is_healthy(host):
    pki = "/etc/kubernetes/pki/etcd"
    client = f"--cacert={pki}/ca.crt --cert={pki}/healthcheck-client.crt --key={pki}/healthcheck-client.key"
    found = json.loads(host.check_output(f"/usr/local/bin/etcdctl {client} endpoint health --cluster --write-out=json 2>/dev/null"))
    assert len(found) == len(addresses("control_plane")) and all(member["health"] for member in found)


def test_requests_are_audited(host, kubectl_on):
    kubectl_on("get --raw /api/v1/namespaces/kube-system/serviceaccounts/audit-probe --request-timeout=5s || true")
    found = host.check_output("grep -c audit-probe /var/log/kubernetes/audit.log || true")
    assert int(found) > 0


def test_the_api_certificate_lasts(address):
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate((address, 6443), timeout=5).encode())
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert left.days > CERTIFICATE_DAYS


def test_a_pod_of_an_unlabelled_namespace_gets_the_baseline(kubectl_on):
    pod = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"hostNetwork":true,"containers":[{"name":"x","image":"x"}]}}'
    refused = kubectl_on(f"apply --namespace default --dry-run=server --filename - 2>&1 <<'EOF' || true\n{pod}\nEOF")
    assert 'violates PodSecurity "baseline' in refused


def test_no_key_past_all_rbac_lies_about(host):
    assert not host.file("/etc/kubernetes/super-admin.conf").exists


def test_the_data_of_etcd_is_roots_alone(host):
    assert host.file("/var/lib/etcd").mode == 0o700
