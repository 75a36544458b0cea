"""Elasticsearch, or OpenSearch in its place, as the cluster has it after the role."""

import json

import pytest
from members import NAMESPACE, Members

SELECTOR = "app.kubernetes.io/name=elasticsearch"
URL = "https://elasticsearch:9200"
KEYS = f"secret elasticsearch-credentials --namespace {NAMESPACE}"


@pytest.fixture(scope="module")
def ask(kubectl):
    """Asks the cluster from the toolbox, as a user; the password is the Secret's."""

    def run(path, user="elastic", key="elastic-password"):
        password = kubectl(f"get {KEYS} --output go-template='{{{{index .data \"{key}\" | base64decode}}}}'")
        command = f"curl --silent --show-error --user '{user}:{password}' '{URL}{path}'"
        return json.loads(kubectl(f"exec --namespace {NAMESPACE} deploy/toolbox -- {command}"))

    return run


class TestMembers(Members):
    """As on any site."""


def test_every_member_is_in_the_cluster(ask, pods):
    health = ask("/_cluster/health")
    assert health["number_of_nodes"] == len(pods)
    assert health["status"] == "green"


def test_logs_go_to_data_streams_of_the_template(ask):
    template = ask("/_index_template/voicehelper-logs")["index_templates"][0]["index_template"]
    assert template["index_patterns"] == ["logs-voicehelper-*"]
    assert "data_stream" in template


def test_the_repository_is_in_the_bucket_for_backups(ask):
    assert ask("/_snapshot/backup")["backup"]["settings"]["bucket"] == "voicehelper-backup"


@pytest.mark.parametrize("path", ["/_snapshot/backup", "/logs-voicehelper-default/_search"])
def test_a_user_may_not_do_what_is_not_its_own(ask, path):
    assert ask(path, "metrics", "metrics-password")["status"] == 403


def test_every_member_is_measured(kubectl, pods):
    for pod in pods:
        command = f"exec --namespace {NAMESPACE} {pod['metadata']['name']} -- curl --silent http://localhost:9114/metrics"
        assert "\nelasticsearch_cluster_health_number_of_nodes{" in kubectl(command)


def test_keys_lie_in_no_file_on_disk(objects, pods):
    volumes = {volume["name"]: volume for volume in pods[0]["spec"]["volumes"]}
    assert volumes["config"]["emptyDir"]["medium"] == "Memory"
