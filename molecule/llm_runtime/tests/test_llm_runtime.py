"""The language model as the cluster has it after the role."""

from urllib.error import HTTPError

import pytest
from service import Service

NAMESPACE = "voicehelper"
SELECTOR = "app.kubernetes.io/name=llm-runtime"


class TestPods(Service):
    """As of any service."""

    PORT = 8004
    METRIC = "llamacpp:tokens_predicted_total"


def test_nobody_is_answered_without_the_key(pods, fetch):
    with pytest.raises(HTTPError, match="401"):
        fetch(pods[0], 8004, "v1/models")


def test_its_model_is_an_image_of_its_own(pods):
    (model,) = [volume["image"]["reference"] for volume in pods[0]["spec"]["volumes"] if "image" in volume]
    assert "/model-" in model
