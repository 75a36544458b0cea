"""Which serving certificates of kubelets are approved, and that a request which cannot be read keeps no other waiting."""

from __future__ import annotations

import base64
import importlib.util
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes import client

NODES = {"worker-1": "10.90.0.21", "worker-2": "10.90.0.22"}
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def approver(project):
    specification = importlib.util.spec_from_file_location("approver", project / "images/kubelet_csr_approver/approver.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def pem(*entries, subject="system:node:worker-1"):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if entries:
        builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def request(content, name="csr-1", user="system:node:worker-1", **spec):
    spec = {"groups": ["system:nodes"], "usages": ["digital signature", "server auth"], **spec}
    encoded = base64.b64encode(content).decode()
    spec = client.V1CertificateSigningRequestSpec(request=encoded, signer_name="kubernetes.io/kubelet-serving", username=user, **spec)
    status = client.V1CertificateSigningRequestStatus()
    return client.V1CertificateSigningRequest(metadata=client.V1ObjectMeta(name=name), spec=spec, status=status)


def dns(name):
    return x509.DNSName(name)


def ip(address):
    return x509.IPAddress(ipaddress.ip_address(address))


@pytest.mark.parametrize("entries", [[dns("worker-1"), ip("10.90.0.21")], [ip("10.90.0.21")], [dns("worker-1")]])
def test_a_node_gets_its_own_name_and_address(approver, entries):
    assert approver.objection(request(pem(*entries)).spec, NODES) is None


@pytest.mark.parametrize(
    "strange",
    [
        ip("10.90.0.10"),  # the API's virtual address, inside the node network
        ip("10.90.0.22"),
        dns("worker-2"),
        dns("kubernetes.default.svc"),
        x509.UniformResourceIdentifier("https://worker-1"),
        x509.RFC822Name("worker-1"),
    ],
)
def test_no_node_gets_more_whatever_it_says_of_itself(approver, strange):
    reason = approver.objection(request(pem(dns("worker-1"), ip("10.90.0.21"), strange)).spec, NODES)
    assert str(strange.value) in reason and "worker-1, 10.90.0.21" in reason


def test_who_is_no_node_or_asks_as_another_gets_nothing(approver):
    content = pem(dns("worker-1"))
    assert "no node of this site" in approver.objection(request(pem(dns("x"), subject="system:node:x"), user="system:node:x").spec, NODES)
    assert "no node of this site" in approver.objection(request(content, user="worker-1").spec, NODES)
    assert "the subject is" in approver.objection(request(content, user="system:node:worker-2").spec, NODES)
    assert "not in system:nodes" in approver.objection(request(content, groups=[]).spec, NODES)
    assert "not a server's" in approver.objection(request(content, usages=["server auth", "client auth"]).spec, NODES)
    assert "names no address" in approver.objection(request(pem()).spec, NODES)


class Certificates:
    """Stands for the API of requests: the first approval meets a replica that was faster."""

    def __init__(self):
        self.approved = []

    def replace_certificate_signing_request_approval(self, name, body):
        self.approved.append(name)
        assert body.status.conditions[0].type == "Approved"
        if len(self.approved) == 1:
            raise client.ApiException(status=409)


def unreadable():
    """Requests that a parser refuses: no PEM, and an extension of alternative names with bytes that are none."""
    extension = x509.UnrecognizedExtension(x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x03\x82\x01")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "system:node:worker-1")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(extension, critical=False)
    return [b"no request", builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)]


@pytest.mark.parametrize("content", unreadable())
def test_one_that_cannot_be_read_keeps_no_other_waiting(approver, caplog, content):
    certificates = Certificates()
    for item in (request(content), request(pem(dns("worker-1")), "csr-2"), request(pem(dns("worker-1")), "csr-3")):
        approver.judge(certificates, item, NODES)
    assert "csr-1 of system:node:worker-1 stays pending: it cannot be read: ValueError" in caplog.text
    assert certificates.approved == ["csr-2", "csr-3"]
