"""Kafka as the cluster has it after the role."""

import re

import pytest
from members import NAMESPACE, Members

SELECTOR = "app.kubernetes.io/name=kafka,app.kubernetes.io/component=broker"
TOOL = "--bootstrap-server localhost:9094 --command-config /etc/kafka/tools.properties"


@pytest.fixture(scope="module")
def tool(kubectl):
    def run(name, arguments):
        return kubectl(f"exec --namespace {NAMESPACE} kafka-0 -- {name}.sh {TOOL} {arguments}")

    return run


class TestMembers(Members):
    """As on any site."""


def test_every_topic_has_all_its_copies(pods, tool):
    described = re.findall(r"Partition: \d+\s+Leader: \d+\s+Replicas: (\S+)\s+Isr: (\S+)", tool("kafka-topics", "--describe"))
    assert described and all(set(copies.split(",")) == set(current.split(",")) for copies, current in described)
    assert {len(copies.split(",")) for copies, _ in described} == {min(3, len(pods))}


def test_a_majority_has_to_have_a_message(pods, tool):
    described = tool("kafka-topics", "--describe --topic voicehelper.events")
    assert f"min.insync.replicas={max(min(3, len(pods)) - 1, 1)}" in described


def test_racks_are_the_zones_of_the_nodes(objects, pods, tool):
    zones = {node["metadata"]["name"]: node["metadata"]["labels"].get("topology.kubernetes.io/zone", "") for node in objects("nodes")}
    found = dict(re.findall(r"(kafka-\d+)\.\S+ \(id: \d+ rack: (\S*)", tool("kafka-broker-api-versions", "")))
    assert found == {pod["metadata"]["name"]: zones[pod["spec"]["nodeName"]] for pod in pods}


def test_the_application_may_do_what_is_declared_and_no_more(tool):
    rules = tool("kafka-acls", "--list --principal User:voicehelper")
    allowed = set(re.findall(r"operation=(\w+), permissionType=(\w+)", rules))
    assert allowed == {("READ", "ALLOW"), ("WRITE", "ALLOW")}
    assert set(re.findall(r"name=(\S+), patternType=PREFIXED", rules)) == {"voicehelper.", "voicehelper"}


def test_controllers_agree_on_a_leader(tool, pods):
    status = tool("kafka-metadata-quorum", "describe --status")
    assert re.search(r"LeaderId:\s+\d+", status)
    assert re.search(r"MaxFollowerLagTimeMs:\s+(\d+)", status)


def test_every_member_is_measured(pods, fetch):
    for pod in pods:
        text = fetch(pod, 9404, "metrics")
        assert "\nkafka_server_kafkaserver_brokerstate 3.0\n" in text
        assert "\nkafka_server_replicamanager_underreplicatedpartitions 0.0\n" in text
        assert "\njvm_memory_used_bytes{" in text


def test_no_secret_is_in_the_log(kubectl, pods):
    for pod in pods:
        log = kubectl(f"logs --namespace {NAMESPACE} {pod['metadata']['name']}")
        assert "storedKey" not in log and "PRIVATE KEY" not in log
