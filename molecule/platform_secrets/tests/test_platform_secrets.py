"""The Secrets that workloads refer to. No assertion compares a value, so that none shows up in a failure."""

import base64

import pytest
import yaml
from cryptography import x509
from reach import REPOSITORY

WANTED = {
    "voicehelper/voicehelper-secrets": {"POSTGRES_USER", "POSTGRES_PASSWORD", "JWT_SECRET_KEY"},
    "voicehelper-storage/postgres-credentials": {"replication-password", "rewind-password", "application-password"},
    "voicehelper-storage/postgres-metrics": {"password"},
    "voicehelper-storage/postgres-tls": {"tls.crt", "tls.key", "ca.crt"},
}
SECRETS = yaml.safe_load((REPOSITORY / "group_vars/all/secrets.yml").read_text())["site_secrets"]


def secret(objects, name):
    namespace, name = name.split("/")
    data = objects(f"secret {name} --namespace {namespace}")["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


@pytest.mark.parametrize("name", WANTED)
def test_keys(objects, name):
    assert WANTED[name] <= set(secret(objects, name))


@pytest.mark.parametrize("name", WANTED)
def test_values_were_made(objects, name):
    made = {place.rpartition("/")[2] for entry in SECRETS.values() for place in entry.get("objects", [])}  # beside them stands who signs in
    short = [key for key, value in secret(objects, name).items() if (key in made or "." in key) and len(value) < 24]
    assert short == []


def test_the_certificate_is_of_the_site(objects):
    pair = secret(objects, "voicehelper-storage/postgres-tls")
    certificate = x509.load_pem_x509_certificate(pair["tls.crt"])
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(pair["ca.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "postgres-master.voicehelper-storage.svc.cluster.local" in names.get_values_for_type(x509.DNSName)
