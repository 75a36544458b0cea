"""The scratch namespace of restores: closed to everybody, and it can read backups."""

import pytest

NAMESPACE, STORAGE = "voicehelper-restore", "voicehelper-storage"


@pytest.fixture(scope="module", autouse=True)
def removed_afterwards(kubectl):
    """The cluster is left as it was."""
    yield
    kubectl(f"delete namespace {NAMESPACE} --timeout=60s")
    kubectl(f"delete networkpolicy restore --namespace {STORAGE}")


def test_pods_have_the_least_rights(objects):
    labels = objects(f"namespace {NAMESPACE}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_it_is_closed_but_for_names_and_backups(objects):
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in objects(f"networkpolicies --namespace {NAMESPACE}")}
    assert set(policies) == {"default-deny", "allow-dns", "access-minio"}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_it_has_a_user_that_reads_backups_and_no_other_secret(objects):
    names = {secret["metadata"]["name"] for secret in objects(f"secrets --namespace {NAMESPACE}")}
    assert names == {"restore-s3"}
