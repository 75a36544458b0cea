"""FAISS as the cluster has it after the role."""

import json

import pytest
from members import Members

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=faiss-service"


@pytest.fixture(scope="module")
def stats(fetch):
    """What a member says of its index."""
    return lambda pod: json.loads(fetch(pod, 8081, "stats"))


class TestMembers(Members):
    """As on any site."""


def test_one_writes_and_the_others_hold_what_it_holds(pods, stats):
    said = {pod["metadata"]["name"]: stats(pod) for pod in pods}
    assert [name for name, answer in said.items() if answer["role"] == "writer"] == ["faiss-service-0"]
    assert len({(answer["lineage"], answer["sequence"], answer["digest"]) for answer in said.values()}) == 1


def test_vectors_are_as_long_as_the_model_makes_them(objects, pods, stats):
    config = objects(f"configmap/voicehelper-config --namespace {NAMESPACE}")["data"]
    assert {stats(pod)["dimension"] for pod in pods} == {int(config["VECTOR_DIMENSION"])}


def test_every_member_is_measured(fetch, pods):
    for pod in pods:
        assert "\nfaiss_vectors " in fetch(pod, 8081, "metrics")
