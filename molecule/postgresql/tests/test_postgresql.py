"""PostgreSQL as the cluster has it after the role."""

import json
import os
from pathlib import Path

import pytest

CREDENTIALS = Path(__file__).parents[3] / "inventories" / os.environ.get("VOICEHELPER_SITE", "lab") / "credentials"
MEMBERS = "app.kubernetes.io/name=postgres"


@pytest.fixture(scope="module")
def kubectl(host):
    """Runs kubectl in the storage namespace."""

    def run(arguments):
        return host.check_output(
            f"{CREDENTIALS}/bin/kubectl --kubeconfig {CREDENTIALS}/kubeconfig --namespace voicehelper-storage {arguments}"
        )

    return run


@pytest.fixture(scope="module")
def pods(kubectl):
    return json.loads(kubectl(f"get pods --selector {MEMBERS} --output json"))["items"]


def psql(kubectl, pod, sql):
    return kubectl(f'exec {pod["metadata"]["name"]} -- psql -XAtq -U postgres -c "{sql}"')


def roles(pods):
    return sorted(pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods)


def test_one_member_leads_and_the_others_read(pods):
    assert roles(pods) == ["master", *["replica"] * (len(pods) - 1)]


def test_labels_tell_the_truth(kubectl, pods):
    for pod in pods:
        leads = psql(kubectl, pod, "SELECT NOT pg_is_in_recovery()") == "t"
        assert leads == (pod["metadata"]["labels"]["app.kubernetes.io/component"] == "master")


def test_no_two_members_share_a_node(pods):
    assert len({pod["spec"]["nodeName"] for pod in pods}) == len(pods)


def test_volumes_outlive_their_claims(kubectl):
    volumes = json.loads(kubectl("get persistentvolumes --output json"))["items"]
    bound = [v for v in volumes if v["spec"].get("claimRef", {}).get("name", "").startswith("data-postgres-master-")]
    assert {volume["spec"]["persistentVolumeReclaimPolicy"] for volume in bound} == {"Retain"}


def test_a_replica_confirms_every_commit(kubectl, pods):
    leader = next(pod for pod in pods if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "master")
    assert psql(kubectl, leader, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"


def test_data_is_checksummed(kubectl, pods):
    assert psql(kubectl, pods[0], "SHOW data_checksums") == "on"


def test_the_application_may_not_become_superuser(kubectl, pods):
    assert psql(kubectl, pods[0], "SELECT rolsuper OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = 'voicehelper'") == "f"


def test_every_member_is_measured(kubectl, pods):
    for pod in pods:
        path = f"/api/v1/namespaces/voicehelper-storage/pods/{pod['metadata']['name']}:9187/proxy/metrics"
        assert "\npg_up 1\n" in kubectl(f"get --raw {path}")
