"""RabbitMQ as the cluster has it after the role."""

import json

import pytest
from members import NAMESPACE, Members

SELECTOR = "app.kubernetes.io/name=rabbitmq"


@pytest.fixture(scope="module")
def ask(kubectl, pods):
    """What a command on the first member prints, as data."""

    def run(command, quiet="--quiet"):
        return json.loads(kubectl(f"exec --namespace {NAMESPACE} {pods[0]['metadata']['name']} -- {command} {quiet} --formatter json"))

    return run


class TestMembers(Members):
    """As on any site."""


def test_all_members_are_one_cluster_without_alarms(pods, ask):
    status = ask("rabbitmqctl cluster_status")
    assert {name.split("@")[1].split(".")[0] for name in status["running_nodes"]} == {pod["metadata"]["name"] for pod in pods}
    assert not status["alarms"] and not status["partitions"]


def test_nothing_listens_without_encryption_but_metrics(ask):
    listeners = {(item["port"], item["protocol"]) for each in ask("rabbitmqctl cluster_status")["listeners"].values() for item in each}
    assert listeners == {(5671, "amqp/ssl"), (5672, "amqp/ssl"), (15672, "https"), (15692, "http/prometheus"), (25672, "clustering")}


def test_members_speak_to_each_other_with_encryption(kubectl, pods):
    script = "init:get_argument(proto_dist)."
    for pod in pods:
        assert "inet_tls" in kubectl(f"exec --namespace {NAMESPACE} {pod['metadata']['name']} -- rabbitmqctl --quiet eval '{script}'")


def test_every_queue_is_a_quorum_queue_on_all_members(pods, ask):
    queues = ask("rabbitmqctl list_queues --vhost voicehelper name type members policy")
    assert {queue["name"] for queue in queues} >= {"tasks.transcription", "tasks.synthesis", "tasks.ingestion", "failed"}
    for queue in queues:
        assert queue["type"] == "quorum" and len(queue["members"]) == min(3, len(pods)) and queue["policy"], queue


def test_there_is_no_default_account(ask):
    assert {user["user"] for user in ask("rabbitmqctl list_users")} == {"admin", "voicehelper"}


def test_every_member_is_measured(fetch, pods):
    for pod in pods:
        text = fetch(pod, 15692, "metrics")
        assert "\nrabbitmq_build_info{" in text and "\nrabbitmq_queues " in text


def test_no_kind_of_queue_may_fill_the_volume(ask):
    policies = [policy for policy in ask("rabbitmqctl list_policies --vhost voicehelper") if policy["pattern"] == ".*"]
    assert {policy["apply-to"] for policy in policies} == {"quorum_queues", "classic_queues", "streams"}
    assert all("max-length-bytes" in str(policy["definition"]) for policy in policies)
