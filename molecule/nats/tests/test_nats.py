"""NATS as the cluster has it after the role."""

import json
from urllib.parse import quote

import pytest

NAMESPACE = "voicehelper-storage"


@pytest.fixture(scope="module")
def pods(objects):
    return objects(f"pods --namespace {NAMESPACE} --selector app.kubernetes.io/name=nats")


@pytest.fixture(scope="module")
def monitor(kubectl):
    """What the monitoring port of a member says; nobody in the cluster may ask it, the API server may."""

    def ask(pod, path):
        name = quote(f"{pod['metadata']['name']}:8222", safe=":")
        return json.loads(kubectl(f"get --raw /api/v1/namespaces/{NAMESPACE}/pods/{name}/proxy/{path}"))

    return ask


def test_no_two_members_share_a_node(pods):
    assert len({pod["spec"]["nodeName"] for pod in pods}) == len(pods)


def test_volumes_outlive_their_claims(objects, pods):
    claimed = {f"data-{pod['metadata']['name']}" for pod in pods}
    volumes = {volume["spec"].get("claimRef", {}).get("name"): volume["spec"] for volume in objects("persistentvolumes")}
    assert {volumes[name]["persistentVolumeReclaimPolicy"] for name in claimed} == {"Retain"}


def test_members_are_joined_by_encrypted_routes(pods, monitor):
    for pod in pods:
        routes = monitor(pod, "routez")["routes"]
        assert {route["remote_name"] for route in routes} == {other["metadata"]["name"] for other in pods} - {pod["metadata"]["name"]}
        assert all(route.get("tls_version") for route in routes) or "tls_version" not in routes[0]


def test_every_member_runs_the_same_configuration(pods, monitor):
    assert len({monitor(pod, "varz")["metadata"]["revision"] for pod in pods}) == 1


def test_streams_are_on_every_member_and_current(pods, monitor):
    for pod in pods:
        assert monitor(pod, "healthz")["status"] == "ok"
    details = monitor(pods[0], "jsz?streams=true&config=true")["account_details"]
    streams = {stream["name"]: stream for account in details for stream in account["stream_detail"]}
    assert {"VOICE_EVENTS", "VOICE_AUDIO", "VOICE_TRANSCRIPTS"} <= set(streams)
    assert {stream["config"]["num_replicas"] for stream in streams.values()} == {len(pods)}


def test_streams_cannot_fill_the_volume(pods, monitor):
    for pod in pods:
        found = monitor(pod, "jsz?streams=true&config=true")
        promised = sum(stream["config"]["max_bytes"] for account in found["account_details"] for stream in account["stream_detail"])
        assert 0 < promised <= found["config"]["max_storage"]


def test_an_acknowledged_message_is_on_disk(pods, monitor):
    assert monitor(pods[0], "jsz")["config"]["sync_always"] is True


def test_every_member_is_measured(kubectl, pods):
    for pod in pods:
        name = pod["metadata"]["name"]
        text = kubectl(f"get --raw /api/v1/namespaces/{NAMESPACE}/pods/{name}:7777/proxy/metrics")
        assert f'gnatsd_healthz_status{{server_id="{name}"}} 0\n' in text
        assert "\njetstream_stream_last_seq{" in text
