"""Sentence embeddings as the cluster has it after the role."""

import json

from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=bge-service"


class TestPods(Service):
    """As of any service."""

    PORT = 8080
    METRIC = "bge_texts_total"


def test_the_model_is_the_sites(objects, pods, fetch):
    config = objects(f"configmap/voicehelper-config --namespace {NAMESPACE}")["data"]
    said = json.loads(fetch(pods[0], 8080, "info"))
    assert (said["model_name"], str(said["dimension"])) == (config["BGE_MODEL_NAME"], config["VECTOR_DIMENSION"])
