"""PostgreSQL as the cluster has it after the role."""

import time

import pytest
from members import NAMESPACE, Members

SELECTOR = "app.kubernetes.io/name=postgres"
ROLE = "app.kubernetes.io/component"


@pytest.fixture(scope="module")
def psql(kubectl):
    def run(pod, sql):
        return kubectl(f'exec --namespace {NAMESPACE} {pod["metadata"]["name"]} -- psql -XAtq -U postgres -c "{sql}"')

    return run


def role(pod):
    return pod["metadata"]["labels"][ROLE]


class TestMembers(Members):
    """As on any site."""


def test_one_member_leads_and_the_others_read(pods):
    assert sorted(map(role, pods)) == ["master", *["replica"] * (len(pods) - 1)]


def test_labels_tell_the_truth(pods, psql):
    for pod in pods:
        assert (psql(pod, "SELECT NOT pg_is_in_recovery()") == "t") == (role(pod) == "master")


def test_a_replica_confirms_every_commit(pods, psql):
    leader = next(pod for pod in pods if role(pod) == "master")
    assert psql(leader, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"


def test_data_is_checksummed(pods, psql):
    assert psql(pods[0], "SHOW data_checksums") == "on"


def test_the_application_has_no_power_over_the_server(pods, psql):
    sql = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = 'voicehelper'"
    assert psql(pods[0], sql) == "f"


def test_every_member_is_measured(kubectl, pods):
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9187/metrics').read().decode())"
    for pod in pods:
        assert "\npg_up 1\n" in kubectl(f'exec --namespace {NAMESPACE} {pod["metadata"]["name"]} -- python3 -c "{script}"')


def test_the_log_is_archived(pods, psql):
    leader = next(pod for pod in pods if role(pod) == "master")
    sql = "SELECT archived_count > 0 AND last_archived_time >= coalesce(last_failed_time, last_archived_time) FROM pg_stat_archiver"
    deadline = time.monotonic() + 200  # a new cluster closes its first segment after two minutes
    while psql(leader, sql) != "t":
        assert time.monotonic() < deadline
        time.sleep(5)


def test_what_is_archived_is_in_the_bucket(kubectl, pods):
    for pod in pods:
        found = kubectl(f"exec --namespace {NAMESPACE} {pod['metadata']['name']} -- pgbackrest info")
        assert "wal archive min/max (17): 0" in found  # then the first segment's name


def test_the_server_for_backups_answers_and_has_no_way_into_the_bucket(kubectl, pods):
    for pod in pods:
        inside = f"exec --namespace {NAMESPACE} {pod['metadata']['name']} --container backup --"
        kubectl(f"{inside} pgbackrest server-ping localhost")
        assert "S3_KEY" not in kubectl(f"{inside} env")


def test_the_backup_job_reads_everything_and_changes_nothing(pods, psql):
    sql = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = 'backup'"
    assert psql(pods[0], sql) == "f"
    assert (
        psql(pods[0], "SELECT pg_has_role('backup', 'pg_read_all_data', 'member'), pg_has_role('backup', 'pg_write_all_data', 'member')")
        == "t|f"
    )


def test_backups_are_scheduled(objects):
    job = objects(f"cronjob/postgresql-backup --namespace {NAMESPACE}")["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert not job["suspend"]
