"""Serving certificates: a node gets its own, and no other."""

import base64
import ipaddress
import json
import time
import uuid

import pytest
import testinfra
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from reach import addresses, hosts

WATCHED_SECONDS = 8


def request_of(node, address, *more):
    """PEM of a certificate request in the name of a node, for an address and more names."""
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, f"system:node:{node}"),
        ]
    )
    names = x509.SubjectAlternativeName([*map(x509.DNSName, (node, *more)), x509.IPAddress(ipaddress.ip_address(address))])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(names, critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def ask(kubectl):
    """Ask, as a node would, for a serving certificate; gives the conditions that the request has after some seconds."""
    made = []

    def run(node, address, *more, as_node):
        name = f"probe-{uuid.uuid4().hex[:8]}"
        spec = {
            "request": base64.b64encode(request_of(node, address, *more)).decode(),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
        }
        body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name}, "spec": spec}
        who = f"--as system:node:{as_node} --as-group system:nodes --as-group system:authenticated"
        kubectl(f"create {who} --filename - <<'EOF'\n{json.dumps(body)}\nEOF")
        made.append(name)
        deadline = time.monotonic() + WATCHED_SECONDS
        while time.monotonic() < deadline:
            status = json.loads(kubectl(f"get csr {name} --output json"))["status"]
            if status.get("conditions"):
                return {condition["type"] for condition in status["conditions"]}
            time.sleep(0.5)
        return set()

    yield run
    for name in made:
        kubectl(f"delete csr {name}")


@pytest.mark.parametrize(("node", "address"), addresses().items())
def test_every_kubelet_serves_a_certificate_of_the_cluster(node, address):
    """Asked from a control plane, as the API server does; the controller has no business there."""
    control_plane = testinfra.get_host(hosts("control_plane")[0])
    options = f"-CAfile /etc/kubernetes/pki/ca.crt -verify_return_error -verify_ip {address}"
    shown = control_plane.run(f"openssl s_client -connect {address}:10250 {options} </dev/null")
    assert "Verify return code: 0 (ok)" in shown.stdout, shown.stdout + shown.stderr
    assert f"CN = system:node:{node}" in shown.stdout or f"CN=system:node:{node}" in shown.stdout


def test_a_node_gets_its_own(ask):
    node, address = next(iter(addresses().items()))
    assert "Approved" in ask(node, address, as_node=node)


def test_no_node_gets_the_name_of_a_service(ask):
    node, address = next(iter(addresses().items()))
    assert "Approved" not in ask(node, address, "kubernetes.default.svc", as_node=node)


def test_an_address_outside_the_site_is_not_approved(ask):
    node = next(iter(addresses()))
    assert "Approved" not in ask(node, "203.0.113.9", as_node=node)


def test_a_node_does_not_get_anothers_address(ask):
    (node, _), (_, other), *_ = addresses().items()
    assert "Approved" not in ask(node, other, as_node=node)
