"""NATS as the cluster has it after the role."""

import json

import pytest
from members import Members

SELECTOR = "app.kubernetes.io/name=nats"


@pytest.fixture(scope="module")
def monitor(fetch):
    """What the monitoring port of a member says."""
    return lambda pod, path: json.loads(fetch(pod, 8222, path))


class TestMembers(Members):
    """As on any site."""


def test_every_member_is_joined_to_every_other(pods, monitor):
    for pod in pods:
        found = {route["remote_name"] for route in monitor(pod, "routez")["routes"]}
        assert found == {other["metadata"]["name"] for other in pods} - {pod["metadata"]["name"]}


def test_members_and_clients_need_encryption(pods, monitor):
    found = monitor(pods[0], "varz")
    assert found["tls_required"] and found["cluster"]["tls_required"] and found["cluster"]["tls_verify"]


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


def test_every_member_is_measured(fetch, pods):
    for pod in pods:
        text, name = fetch(pod, 7777, "metrics"), pod["metadata"]["name"]
        assert f'gnatsd_healthz_status{{server_id="{name}"}} 0\n' in text
        assert "\njetstream_stream_last_seq{" in text
