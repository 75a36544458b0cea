"""MinIO as the cluster has it after the role."""

import json

import pytest
from members import NAMESPACE, Kept

SELECTOR = "app.kubernetes.io/name=minio"


@pytest.fixture(scope="module")
def mc(kubectl):
    """Run mc in a server's pod, as an operator does; its answer."""
    return lambda arguments, pod="minio-0": json.loads(kubectl(f"exec --namespace {NAMESPACE} {pod} -- mc --json {arguments}"))


@pytest.fixture(scope="module")
def info(mc):
    return mc("admin info local")["info"]


class TestKept(Kept):
    """As on any site."""


def test_every_server_is_online_with_its_drive(info, pods):
    assert len(info["servers"]) == len(pods)
    assert {server["state"] for server in info["servers"]} == {"online"}
    assert {drive["state"] for server in info["servers"] for drive in server["drives"]} == {"ok"}


def test_half_of_the_parts_are_parity(info):
    assert info["backend"]["standardSCParity"] == info["backend"]["totalDrivesPerSet"][0] // 2


def test_servers_are_spread(objects, pods):
    used = [pod["spec"]["nodeName"] for pod in pods]
    nodes = [node for node in objects("nodes") if not node["spec"].get("unschedulable")]
    assert max(used.count(name) for name in used) == -(-len(pods) // len(nodes))


@pytest.mark.parametrize("bucket", ["voicehelper-data", "voicehelper-backup"])
def test_buckets_keep_versions(mc, bucket):
    assert mc(f"version info local/{bucket}")["versioning"]["status"] == "Enabled"


def test_the_guides_mirror_fills_a_folder_beside_the_data(kubectl):
    def inside(command):
        return kubectl(f"exec --namespace {NAMESPACE} minio-0 -- {command}")

    inside("sh -c 'echo content | mc pipe local/voicehelper-data/molecule/object'")
    try:
        inside("mc mirror local/voicehelper-data backup/")
        assert inside("cat backup/molecule/object") == "content"
    finally:
        inside("mc rm --versions --force local/voicehelper-data/molecule/object")
        inside("rm -r backup/molecule")


def test_the_root_password_is_in_no_environment(pods):
    environment = [entry["name"] for pod in pods for container in pod["spec"]["containers"] for entry in container["env"]]
    assert "MINIO_ROOT_PASSWORD_FILE" in environment
    assert "MINIO_ROOT_PASSWORD" not in environment


def test_every_server_is_measured(kubectl, pods):
    request = (
        "exec --namespace {namespace} deployment/toolbox -- curl -fsS https://{pod}.minio.{namespace}:9000/minio/metrics/v3/system/drive"
    )
    for pod in pods:
        assert "\nminio_system_drive_used_bytes{" in kubectl(request.format(namespace=NAMESPACE, pod=pod["metadata"]["name"]))
